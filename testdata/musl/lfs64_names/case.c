// fopen64 is fopen: an alias in old releases, found by name since 1.2.4.
//#Loader: musl
//#Lib: libx.so libc
//#Expect: loads
void *fopen64(const char *, const char *);
void *x(void) { return fopen64("/", "r"); }
