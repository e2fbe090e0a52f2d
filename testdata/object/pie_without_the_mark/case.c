// Only the mark tells a position-independent executable from a library.
//#Lib: libx.so link=pie soname=none
//#Edit: libx.so set dyn:FLAGS_1.value 0
//#Expect: loads
int main(void) { return 0; }
