// A loaded library does not answer to its SONAME, only to the name a search found it by.
//#Loader: musl
//#Lib: libs/file.so inline="int a(void) { return 1; }" soname=liba.so
//#Lib: libs/libb.so inline="int b(void) { return 2; }" 
//#Lib: stub/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/liba.so soname=none
//#Preload: libs/file.so
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
