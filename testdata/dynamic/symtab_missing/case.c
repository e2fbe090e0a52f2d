// No symbol table, but a relocation that wants one.
//#Lib: libx.so
//#Edit: libx.so del SYMTAB
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
