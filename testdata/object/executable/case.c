// A program linked to a fixed address.
//#Lib: libx.so link=exe soname=none
//#Expect: fails "{D}/libx.so: cannot dynamically load executable"
int main(void) { return 0; }
