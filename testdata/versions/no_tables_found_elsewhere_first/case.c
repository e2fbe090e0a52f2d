// Nor does a look-up that ends before it reaches that provider.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/liba.so inline="int v(void) { return 2; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Preload: libs/liba.so
//#Expect: loads
int v(void);
int x(void) { return v(); }
