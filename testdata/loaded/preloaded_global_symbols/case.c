// What the host opened globally resolves symbols of a library that needs nothing.
//#Lib: host/libhost.so inline="int h(void) { return 1; }"
//#Lib: libx.so
//#Preload: host/libhost.so
//#Expect: loads
int h(void);
int x(void) { return h(); }
