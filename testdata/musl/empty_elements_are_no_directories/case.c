// An empty element of a path is skipped; it is not the working directory.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so
//#Cwd: {D}/libs
//#Env: LD_LIBRARY_PATH=/nowhere::
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
