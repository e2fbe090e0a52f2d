// A segment that points behind the end of the file.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#3.offset +0x100000
//#Expect: dies SIGBUS
int value = 1;
int x(void) { return value; }
