// A weak definition that comes first ends the search; here its object is the one that crashes.
//#Lib: libs/liba.so inline="__attribute__((weak)) int v(void) { return 1; }"
//#Lib: libs/libb.so inline="int v(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:v.info 0x2a
//#Edit: libs/liba.so set sym:v.value 0x10
//#Expect: dies SIGSEGV
int v(void);
int x(void) { return v(); }
