// Of both, DT_RUNPATH's string is used.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs soname=/nowhere
//#Edit: libx.so add RPATH str:/nowhere
//#Expect: loads
int a(void);
int x(void) { return a(); }
