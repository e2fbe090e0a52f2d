// The same need is met if somebody else brought the file.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" needs=libs/libv.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so,libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so del NEEDED#1
//#Expect: loads
int v(void);
int x(void) { return v(); }
