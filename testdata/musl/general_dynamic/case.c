// General-dynamic access is fine, however much it is.
//#Loader: musl
//#Lib: libx.so libc
//#Expect: loads
__thread char v[1 << 20];
char *x(void) { return v; }
