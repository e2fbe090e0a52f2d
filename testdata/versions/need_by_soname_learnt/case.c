// Once another object asked for it by that soname, the soname is one of its names.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=libq.so
//#Lib: libs/liba.so inline="int a(void) { return 1; }" needs=libs/libv.so
//#Lib: libx.so needs=libs/libv.so,libs/liba.so runpath=$ORIGIN/libs:/nowhere/libv.so
//#Edit: libx.so set dyn:NEEDED.value str:libv.so
//#Expect: loads
int v(void);
int x(void) { return v(); }
