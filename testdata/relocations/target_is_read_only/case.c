// A relocation whose target is the file header.
//#Lib: libx.so
//#Edit: libx.so set rela:0.offset 0x10
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
