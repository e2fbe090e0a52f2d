// A semicolon is part of a directory's name.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so
//#Env: LD_LIBRARY_PATH=/nowhere;{D}/libs
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
