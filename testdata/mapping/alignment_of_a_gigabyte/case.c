// A large alignment is honoured by reserving that much more.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#0.align 0x40000000
//#Expect: loads
int x(void) { return 1; }
