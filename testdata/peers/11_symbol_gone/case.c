// A function that the found library no longer has.
//#Lib: stub/libu.so inline="int u(void) { return 1; }"
//#Lib: libs/libu.so inline="int other(void) { return 1; }"
//#Lib: libx.so needs=stub/libu.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libx.so: undefined symbol: u"
int u(void);
int x(void) { return u(); }
