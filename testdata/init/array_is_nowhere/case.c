// An array of constructors outside every segment.
//#Lib: libx.so
//#Edit: libx.so set dyn:INIT_ARRAY.value 0x70000000
//#Expect: dies SIGSEGV
int started;
__attribute__((constructor)) static void start(void) { started = 1; }
