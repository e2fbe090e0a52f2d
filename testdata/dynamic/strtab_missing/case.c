// No string table.
//#Lib: libx.so
//#Edit: libx.so del STRTAB
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
