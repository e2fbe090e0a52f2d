// A resolver that calls into another library works if that library comes before it.
//#Lib: libs/libc1.so inline="int c(void) { return 1; }"
//#Lib: libs/libb.so b.c needs=libs/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
