// A level that every processor has, in a library and in what the host opened before.
//#Lib: host/libhost.so inline="int h(void) { return 1; }" flags=-Wl,-z,x86-64-baseline
//#Lib: libx.so needs=host/libhost.so flags=-Wl,-z,x86-64-baseline
//#Preload: host/libhost.so
//#Expect: loads
int h(void);
int x(void) { return h(); }
