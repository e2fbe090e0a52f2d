// Symbols of most types cannot be bound to.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:a.info 0x13
//#Expect: fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
