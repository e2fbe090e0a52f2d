// DF_1_NODEFLIB does not touch LD_LIBRARY_PATH.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so flags=-Wl,-z,nodefaultlib
//#Env: LD_LIBRARY_PATH={D}/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
