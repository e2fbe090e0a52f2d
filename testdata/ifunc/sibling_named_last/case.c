// Without naming it, the user works as long as the provider happens to be relocated first: the one named last is.
//#Lib: libs/libc1.so inline="int c(void) { return 1; }"
//#Lib: libs/libb.so b.c needs=libs/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
