// A library that needs a library of its own soname needs itself.
//#Lib: stub/libx.so inline="int x(void);"
//#Lib: libx.so needs=stub/libx.so
//#Expect: loads
int x(void) { return 1; }
