// A weak thread-local variable that nobody defines has no module: the loader dies.
//#Loader: musl
//#Lib: libx.so libc
//#Expect: dies SIGSEGV
extern __thread int v __attribute__((weak));
int *x(void) { return &v; }
