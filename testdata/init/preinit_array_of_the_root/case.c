// DT_PREINIT_ARRAY is meant for programs, and runs for the root of a dlopen.
//#Lib: libx.so
//#Edit: libx.so add PREINIT_ARRAY 0x70000000
//#Edit: libx.so add PREINIT_ARRAYSZ 8
//#Expect: dies SIGSEGV
int x(void) { return 1; }
