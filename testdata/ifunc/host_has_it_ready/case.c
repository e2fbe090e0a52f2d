// In a host that has the provider open already, the same libraries work.
//#Lib: libs/libc1.so inline="int c(void) { return 1; }"
//#Lib: libs/libb.so b.c needs=libs/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }"
//#Lib: libx.so needs=libs/libb.so,libs/liba.so runpath=$ORIGIN/libs
//#Preload: libs/libb.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
