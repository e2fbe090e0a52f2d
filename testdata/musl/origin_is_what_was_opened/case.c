// The directory of a linked library is that of the link.
//#Loader: musl
//#Lib: real/liba.so inline="int a(void) { return 1; }"
//#Lib: real/libb.so inline="int a(void); int b(void) { return a(); }" needs=real/liba.so runpath=$ORIGIN
//#Symlink: links/libb.so ../real/libb.so
//#Lib: libx.so needs=real/libb.so runpath=$ORIGIN/links
//#Expect: fails "Error loading shared library liba.so: No such file or directory (needed by {D}/links/libb.so)"
int b(void);
int x(void) { return b(); }
