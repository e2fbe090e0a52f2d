// The size of a relocation must be the one the loader was built with.
//#Lib: libx.so
//#Edit: libx.so set dyn:RELAENT.value 16
//#Expect: dies abort
int value = 1;
int *x(void) { return &value; }
