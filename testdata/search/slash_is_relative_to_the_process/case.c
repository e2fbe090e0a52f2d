// A name with a slash is relative to the current directory of the process, wherever the library is.
//#Lib: stub/liba.so inline="int a(void);" soname=sub/liba.so
//#Lib: r/sub/liba.so inline="int a(void) { return 1; }"
//#Lib: r/libx.so needs=stub/liba.so
//#Root: r/libx.so
//#Cwd: {D}
//#Expect: fails "sub/liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
