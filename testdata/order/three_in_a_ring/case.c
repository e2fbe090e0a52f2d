// A ring of three, entered in the middle.
//#Lib: stub/libc1.so inline="int c(void);"
//#Lib: libs/libb.so inline="int from_b(void); int b(void) { return from_b(); }" needs=stub/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }" needs=libs/libb.so runpath=$ORIGIN
//#Lib: libs/libc1.so inline="int from_c(void); int c(void) { return from_c(); }" needs=libs/liba.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libc1.so: undefined symbol: from_c"
int b(void);
int x(void) { return b(); }
