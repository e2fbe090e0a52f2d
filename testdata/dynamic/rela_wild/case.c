// Relocations outside every segment.
//#Lib: libx.so
//#Edit: libx.so set dyn:RELA.value 0x70000000
//#Expect: dies SIGSEGV
int value = 1;
int *x(void) { return &value; }
