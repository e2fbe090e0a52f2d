// So does a directory.
//#Loader: musl
//#Dir: one/liba.so
//#Lib: two/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=two/liba.so runpath=$ORIGIN/one:$ORIGIN/two
//#Expect: fails "Error loading shared library liba.so: Is a directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
