// A library that needs itself by its soname, and a sibling that needs the root by it, share one object.
//#Lib: stub/libx.so inline="int x(void);"
//#Lib: libs/liba.so inline="int x(void); int a(void) { return x != 0; }" needs=stub/libx.so
//#Lib: libx.so needs=stub/libx.so,libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
