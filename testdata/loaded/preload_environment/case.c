// So does LD_PRELOAD.
//#Lib: host/libhost.so inline="int h(void) { return 1; }"
//#Lib: libx.so
//#Env: LD_PRELOAD={D}/host/libhost.so
//#Expect: loads
int h(void);
int x(void) { return h(); }
