// Of two equal tags the last counts, so a second string table makes the first one useless.
//#Lib: libx.so
//#Edit: libx.so add STRTAB 0x70000000
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
