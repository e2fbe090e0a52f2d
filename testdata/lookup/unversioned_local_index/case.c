// Index 0 is called local, and is not treated so.
//#Lib: stub/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set versym:v.value 0
//#Expect: loads
int v(void);
int x(void) { return v(); }
