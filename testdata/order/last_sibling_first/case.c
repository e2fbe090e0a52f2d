// Of two siblings that do not know each other, the one named last is relocated first.
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }"
//#Lib: libs/libb.so inline="int from_b(void); int b(void) { return from_b(); }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libb.so: undefined symbol: from_b"
int a(void);
int b(void);
int x(void) { return a() + b(); }
