// The root is checked before its dependencies, although it is relocated after them.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: stub/libw.so inline="int w(void) { return 1; }" map="W1 { global: w; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V0 { global: v; };"
//#Lib: libs/libw.so inline="int w(void) { return 1; }" map="W0 { global: w; };"
//#Lib: libs/liba.so inline="int w(void); int a(void) { return w(); }" needs=stub/libw.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so,stub/libv.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libv.so: version `V1' not found (required by {D}/libx.so)"
int a(void);
int v(void);
int x(void) { return a() + v(); }
