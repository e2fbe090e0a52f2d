// DT_RUNPATH serves what the needed libraries need, as DT_RPATH does.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/libb.so inline="int a(void); int b(void) { return a(); }" needs=libs/liba.so
//#Lib: libx.so needs=libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int b(void);
int x(void) { return b(); }
