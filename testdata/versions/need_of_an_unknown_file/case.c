// A version need that names a file nobody loaded: what removing a DT_NEEDED by hand leaves behind.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so del NEEDED
//#Expect: dies abort
int v(void);
int x(void) { return v(); }
