// DT_INIT outside every segment.
//#Lib: libx.so
//#Edit: libx.so add INIT 0x70000000
//#Expect: dies SIGSEGV
int x(void) { return 1; }
