// What was opened before with RTLD_GLOBAL is in scope.
//#Loader: musl
//#Lib: host.so inline="int a(void) { return 1; }"
//#Lib: libx.so
//#Preload: host.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
