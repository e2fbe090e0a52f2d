// On one level the order is that of the objects, then of their needs.
//#Lib: stub/libm1.so inline="int m1(void);"
//#Lib: stub/libm2.so inline="int m2(void);"
//#Lib: stub/libm3.so inline="int m3(void);"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/libb.so inline="int b(void) { return 1; }" needs=stub/libm2.so,stub/libm1.so
//#Lib: libs/libc1.so inline="int c(void) { return 1; }" needs=stub/libm3.so
//#Lib: libx.so needs=libs/liba.so,libs/libb.so,libs/libc1.so runpath=$ORIGIN/libs
//#Expect: fails "libm2.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
