// A destructor is not asked for while loading.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so add FINI 0x10000000
//#Expect: loads
int x(void) { return 1; }
