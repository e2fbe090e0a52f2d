// An empty element of LD_LIBRARY_PATH is the current directory.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so
//#Cwd: {D}/libs
//#Env: LD_LIBRARY_PATH=/nowhere:
//#Expect: loads
int a(void);
int x(void) { return a(); }
