// A preload that does not exist is only complained about.
//#Lib: libx.so
//#Env: LD_PRELOAD={D}/gone.so
//#Expect: loads
int x(void) { return 1; }
