// Without it the host's definition wins, and its resolver is not code.
//#Lib: host/libhost.so inline="int v(void) { return 1; }"
//#Edit: host/libhost.so set sym:v.info 0x1a
//#Edit: host/libhost.so set sym:v.value 0x10
//#Lib: libx.so
//#Preload: host/libhost.so
//#Expect: dies SIGSEGV
int v(void) { return 2; }
int x(void) { return v(); }
