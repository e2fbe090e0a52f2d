// DT_STRSZ and DT_SYMENT are not used.
//#Lib: libx.so
//#Edit: libx.so set dyn:STRSZ.value 1
//#Edit: libx.so set dyn:SYMENT.value 99
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
