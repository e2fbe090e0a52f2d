// And the good old one does not help.
//#Lib: libx.so flags=-Wl,--hash-style=both
//#Edit: libx.so set gnuhash.nbuckets 0
//#Expect: fails "{D}/libx.so: undefined symbol: value"
int value = 1;
int *x(void) { return &value; }
