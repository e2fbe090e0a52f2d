// DT_FILTER and DT_AUXILIARY mean nothing.
//#Loader: musl
//#Lib: libx.so flags="-Wl,-f,libnone.so"
//#Expect: loads
int x(void) { return 1; }
