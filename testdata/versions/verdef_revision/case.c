// The version definitions of a provider have one too, and it is said of the provider.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set verdef:0.version 3
//#Expect: fails "{D}/libs/libv.so: unsupported version 3 of Verdef record"
int v(void);
int x(void) { return v(); }
