// A dependency that needs the root is relocated before it all the same.
//#Lib: stub/libx.so inline="int x(void);"
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }" needs=stub/libx.so runpath=$ORIGIN/..
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: from_a"
int a(void);
int from_x(void);
int x(void) { return a() + from_x(); }
