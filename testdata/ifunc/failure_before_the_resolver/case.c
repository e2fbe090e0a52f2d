// An undefined symbol in an object that is relocated earlier is reported before any resolver runs.
//#Lib: libs/libc1.so inline="int nobody(void); int c(void) { return nobody(); }"
//#Lib: libs/libb.so b.c needs=libs/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }"
//#Lib: libx.so needs=libs/libb.so,libs/liba.so,libs/libc1.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libc1.so: undefined symbol: nobody"
int a(void);
int x(void) { return a(); }
