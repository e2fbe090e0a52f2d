// A dynamic section that is not writable.
//#Lib: libx.so
//#Edit: libx.so set phdr:DYNAMIC.flags 4
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
