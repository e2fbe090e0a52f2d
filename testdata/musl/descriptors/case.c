// So are descriptors.
//#Loader: musl
//#Lib: libx.so flags=-mtls-dialect=gnu2
//#Expect: loads
__thread int v;
int *x(void) { return &v; }
