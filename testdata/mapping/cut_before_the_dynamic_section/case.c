// A missing page is a bus error as soon as it is touched.
//#Lib: libx.so
//#Edit: libx.so truncate 0x1000
//#Expect: dies SIGBUS
int value = 1;
int x(void) { return value; }
