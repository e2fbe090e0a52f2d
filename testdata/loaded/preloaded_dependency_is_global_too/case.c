// The dependencies of what the host opened globally are global as well.
//#Lib: host/libdeep.so inline="int d(void) { return 1; }"
//#Lib: host/libhost.so inline="int d(void); int h(void) { return d(); }" needs=host/libdeep.so runpath=$ORIGIN
//#Lib: libx.so
//#Preload: host/libhost.so
//#Expect: loads
int d(void);
int x(void) { return d(); }
