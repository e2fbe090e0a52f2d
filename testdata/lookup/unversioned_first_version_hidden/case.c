// Even if it is not the default.
//#Lib: stub/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set versym:v.value 0x8002
//#Expect: loads
int v(void);
int x(void) { return v(); }
