// The search goes on to the next object.
//#Lib: libs/liba.so inline="int v(void) { return 1; }"
//#Lib: libs/libb.so inline="int v(void) { return 2; }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:v.other 1
//#Expect: loads
int v(void);
int x(void) { return v(); }
