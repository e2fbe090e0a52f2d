// Breadth first: the root's second need is missed before what its first one needs.
//#Loader: musl
//#Lib: stub/libn.so inline="int n;"
//#Lib: stub/libm2.so inline="int m;"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" needs=stub/libn.so
//#Lib: libx.so needs=libs/liba.so,stub/libm2.so runpath=$ORIGIN/libs
//#Expect: fails "Error loading shared library libm2.so: No such file or directory (needed by {D}/libx.so)"
//#Finding: needed-not-found
int a(void);
int x(void) { return a(); }
