// The first file of a soname serves every later need of it, even one whose own search path has the right file.
//#Lib: one/libv.so inline="int old(void) { return 1; }"
//#Lib: two/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/liba.so inline="int old(void); int a(void) { return old(); }" needs=one/libv.so runpath=$ORIGIN/../one
//#Lib: libs/libb.so inline="int v(void); int b(void) { return v(); }" needs=two/libv.so runpath=$ORIGIN/../two
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libb.so: undefined symbol: v"
int a(void);
int b(void);
int x(void) { return a() + b(); }
