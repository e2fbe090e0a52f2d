// Any other token makes the whole path void, its good elements too.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs:$ORIGIN/$LIB
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
