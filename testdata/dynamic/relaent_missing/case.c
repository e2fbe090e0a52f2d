// The loader reads the tag without looking whether it is there.
//#Lib: libx.so
//#Edit: libx.so del RELAENT
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
