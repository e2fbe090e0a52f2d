// The base definition satisfies the check; the symbol that is bound to it must exist in it all the same.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set vernaux:V1.hash 0x2f995ef
//#Edit: libx.so set vernaux:V1.name str:libv.so
//#Expect: fails "{D}/libx.so: undefined symbol: v, version libv.so"
int v(void);
int x(void) { return v(); }
