// The bottom of a diamond is first.
//#Lib: libs/libd.so inline="int from_d(void); int d(void) { return from_d(); }"
//#Lib: libs/liba.so inline="int from_a(void); int d(void); int a(void) { return from_a() + d(); }" needs=libs/libd.so runpath=$ORIGIN
//#Lib: libs/libb.so inline="int from_b(void); int d(void); int b(void) { return from_b() + d(); }" needs=libs/libd.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libd.so: undefined symbol: from_d"
int a(void);
int b(void);
int x(void) { return a() + b(); }
