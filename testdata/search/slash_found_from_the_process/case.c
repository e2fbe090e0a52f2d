// The same library from the directory where the name makes sense.
//#Lib: stub/liba.so inline="int a(void);" soname=sub/liba.so
//#Lib: r/sub/liba.so inline="int a(void) { return 1; }"
//#Lib: r/libx.so needs=stub/liba.so
//#Root: r/libx.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
