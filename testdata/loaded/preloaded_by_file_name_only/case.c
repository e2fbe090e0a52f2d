// The name of its file is not a name of the object: it was opened by its path, and has no soname.
//#Lib: host/libhost.so inline="int h(void) { return 1; }" soname=none
//#Lib: libx.so needs=host/libhost.so
//#Preload: host/libhost.so
//#Expect: fails "libhost.so: cannot open shared object file: No such file or directory"
int h(void);
int x(void) { return h(); }
