// The undefined symbol is not the root's but a dependency's.
//#Lib: stub/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/libb.so inline="int old_b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=stub/libb.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: b"
int a(void);
int x(void) { return a(); }
