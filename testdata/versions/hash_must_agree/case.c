// A version is found by hash and name together.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set vernaux:V1.hash 0x592
//#Expect: fails "{D}/libs/libv.so: version `V1' not found (required by {D}/libx.so)"
int v(void);
int x(void) { return v(); }
