// A file that was cut off is mapped, and the loader dies where its pages end.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so truncate 8192
//#Expect: dies SIGBUS
int y = 1;
int *x(void) { return &y; }
