// An array of constructors of unknown size.
//#Lib: libx.so
//#Edit: libx.so del INIT_ARRAYSZ
//#Expect: dies SIGSEGV
int started;
__attribute__((constructor)) static void start(void) { started = 1; }
