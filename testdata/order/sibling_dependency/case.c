// Unless it needs the other one.
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }"
//#Lib: libs/libb.so inline="int from_b(void); int a(void); int b(void) { return from_b() + a(); }" needs=libs/liba.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: from_a"
int a(void);
int b(void);
int x(void) { return a() + b(); }
