// A weak reference may be missing.
//#Loader: musl
//#Lib: libx.so
//#Expect: loads
int a(void) __attribute__((weak));
int x(void) { return a ? a() : 0; }
