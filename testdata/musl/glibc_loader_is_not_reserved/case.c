// The name of glibc's loader is no reserved name.
//#Loader: musl
//#Lib: stub/ld-linux-x86-64.so.2 inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/ld-linux-x86-64.so.2
//#Expect: fails "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
