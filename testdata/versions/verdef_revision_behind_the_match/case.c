// Definitions behind the one that matches are not looked at.
//#Lib: libs/libv.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V1 { global: v; }; V2 { global: w; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set verdef:2.version 3
//#Expect: loads
int v(void);
int x(void) { return v(); }
