// $ORIGIN means nothing in a needed name.
//#Loader: musl
//#Lib: sub/liba.so inline="int a(void) { return 1; }" soname=$ORIGIN/sub/liba.so
//#Lib: libx.so needs=sub/liba.so
//#Expect: fails "Error loading shared library $ORIGIN/sub/liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
