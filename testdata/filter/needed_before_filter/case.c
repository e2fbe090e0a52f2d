// The entries are followed in the order of the table, where the linker puts needs before filters.
//#Lib: stub/libm1.so inline="int m1(void);"
//#Lib: libx.so needs=stub/libm1.so flags=-Wl,-F,libm2.so
//#Expect: fails "libm1.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
