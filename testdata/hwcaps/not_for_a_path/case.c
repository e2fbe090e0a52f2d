// A name with a slash is one file; no sub-directory is tried.
//#Lib: libs/glibc-hwcaps/x86-64-v2/liba.so inline="int a(void) { return 1; }"
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/libs/liba.so
//#Lib: libx.so needs=stub/liba.so
//#Expect: fails "{D}/libs/liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
