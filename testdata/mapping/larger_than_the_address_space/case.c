// A segment that no address space can hold.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#3.memsz 0x800000000000
//#Expect: fails "{D}/libx.so: failed to map segment from shared object"
int value = 1;
int x(void) { return value; }
