// A hidden definition in the dynamic symbol table is passed over.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Edit: libs/liba.so set sym:a.other 2
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs flags=-Wl,--unresolved-symbols=ignore-all
//#Expect: fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
