// LD_LIBRARY_PATH may be separated by semicolons.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so
//#Env: LD_LIBRARY_PATH={D}/nowhere;{D}/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
