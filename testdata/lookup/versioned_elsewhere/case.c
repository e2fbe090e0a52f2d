// The version may come from another object than the one the need names.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libv.so inline="int o(void) { return 1; }" map="V1 { global: o; };"
//#Lib: libs/libw.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so,libs/libw.so runpath=$ORIGIN/libs
//#Expect: loads
//#ExpectIf: glibc<2.30 fails "{D}/libx.so: symbol v version V1 not defined in file libv.so with link time reference"
int v(void);
int x(void) { return v(); }
