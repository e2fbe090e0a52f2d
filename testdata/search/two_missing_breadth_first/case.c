// Of several missing libraries the first one in breadth-first order is named, however deep the other branch came first.
//#Lib: stub/libm1.so inline="int m1(void);"
//#Lib: stub/libm2.so inline="int m2(void);"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" needs=stub/libm1.so
//#Lib: libx.so needs=libs/liba.so,stub/libm2.so runpath=$ORIGIN/libs
//#Expect: fails "libm2.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
