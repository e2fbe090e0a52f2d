// Section headers and symbol tables for debuggers may be missing.
//#Lib: libx.so
//#Edit: libx.so truncate phdr:LOAD#3.offset+phdr:LOAD#3.filesz
//#Expect: loads
int value = 1;
int x(void) { return value; }
