// The root names the bottom of the diamond before its sides; that changes the scope, not which side is first.
//#Lib: libs/libd.so inline="int d(void) { return 1; }"
//#Lib: libs/liba.so inline="int from_a(void); int d(void); int a(void) { return from_a() + d(); }" needs=libs/libd.so runpath=$ORIGIN
//#Lib: libs/libb.so inline="int from_b(void); int d(void); int b(void) { return from_b() + d(); }" needs=libs/libd.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/libd.so,libs/libb.so,libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: from_a"
int a(void);
int b(void);
int x(void) { return a() + b(); }
