// That of the second is not looked at.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libw.so inline="int w(void) { return 1; }" map="W1 { global: w; };"
//#Lib: libx.so needs=libs/libv.so,libs/libw.so runpath=$ORIGIN/libs
//#Edit: libx.so set verneed:1.version 7
//#Expect: loads
int v(void);
int w(void);
int x(void) { return v() + w(); }
