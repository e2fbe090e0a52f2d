// A position-independent executable is not a library.
//#Lib: libx.so link=pie soname=none
//#Expect: fails "{D}/libx.so: cannot dynamically load position-independent executable"
//#ExpectIf: glibc<2.30 loads
int main(void) { return 0; }
