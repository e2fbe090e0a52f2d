// A library opened by its path is not there for whoever needs it by name.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so
//#Preload: libs/liba.so
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
