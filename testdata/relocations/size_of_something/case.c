// The size of a defined one is a number.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 33
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
