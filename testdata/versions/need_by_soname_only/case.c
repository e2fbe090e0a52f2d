// The file of a version need is compared with the names an object was asked for by, not with its soname.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=libq.so
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs:/nowhere/libv.so
//#Edit: libx.so set dyn:NEEDED.value str:libv.so
//#Expect: dies abort
int v(void);
int x(void) { return v(); }
