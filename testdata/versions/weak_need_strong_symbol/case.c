// A strong one is still undefined.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set vernaux:V2.flags 2
//#Expect: fails "{D}/libx.so: undefined symbol: v, version V2"
int v(void);
int x(void) { return v(); }
