// libcrypt, libresolv and libmvec are files like any other: the prefix ends with its dot.
//#Loader: musl
//#Lib: stub/libresolv.so.2 inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/libresolv.so.2
//#Expect: fails "Error loading shared library libresolv.so.2: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
