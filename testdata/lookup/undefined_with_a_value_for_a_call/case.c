// But not a call.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:a.shndx 0
//#Expect: fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
