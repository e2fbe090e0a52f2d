// A constructor whose address is that of the file header.
//#Lib: libx.so
//#Edit: libx.so set rela:0.addend 0
//#Expect: dies SIGSEGV
int started;
__attribute__((constructor)) static void start(void) { started = 1; }
