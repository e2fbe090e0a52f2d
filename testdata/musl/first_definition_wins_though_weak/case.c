// The first definition in breadth-first order is taken, weak or not; both are there.
//#Loader: musl
//#Lib: libs/liba.so inline="__attribute__((weak)) int a(void) { return 1; }"
//#Lib: libs/libb.so inline="int a(void) { return 2; }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
