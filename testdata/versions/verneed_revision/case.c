// The first version need record has a revision number.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set verneed:0.version 2
//#Expect: fails "{D}/libx.so: unsupported version 2 of Verneed record"
int v(void);
int x(void) { return v(); }
