// The soname of a file reached through a link under another name satisfies a later need, and the broken file of that name is
// never opened.
//#Lib: real/libz9.so inline="int z(void) { return 1; }" soname=libz9.so
//#Symlink: links/liba.so ../real/libz9.so
//#Lib: stub/liba.so inline="int z(void);" soname=$ORIGIN/links/liba.so
//#Write: libs/libz9.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libs/libb.so inline="int z(void); int b(void) { return z(); }" needs=real/libz9.so runpath=$ORIGIN
//#Lib: libx.so needs=stub/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int b(void);
int x(void) { return b(); }
