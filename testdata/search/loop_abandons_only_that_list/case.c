// The next list is tried.
//#Symlink: loop/liba.so liba.so
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/loop:{D}/nowhere
//#Expect: loads
int a(void);
int x(void) { return a(); }
