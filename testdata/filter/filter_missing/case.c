// The target of DT_FILTER must exist.
//#Lib: libx.so flags=-Wl,-F,libgone.so
//#Expect: fails "libgone.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
