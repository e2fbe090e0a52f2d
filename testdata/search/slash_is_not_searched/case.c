// No search path is used for a name with a slash.
//#Lib: stub/liba.so inline="int a(void);" soname=sub/liba.so
//#Lib: libs/sub/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/liba.so rpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/libs
//#Expect: fails "sub/liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
