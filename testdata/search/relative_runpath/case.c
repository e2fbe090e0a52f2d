// A relative element is relative to the current directory.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
