// A relocation whose target is outside every segment.
//#Lib: libx.so
//#Edit: libx.so set rela:0.offset 0x70000000
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
