// DT_INIT of zero is not called.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so add INIT 0
//#Expect: loads
int x(void) { return 1; }
