// A path is not a soname: the file is opened although an object of that soname is there.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/other/liba.so
//#Write: other/liba.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libx.so needs=libs/liba.so,stub/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/other/liba.so: invalid ELF header"
int a(void);
int x(void) { return a(); }
