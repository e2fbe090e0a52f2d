// Without a hash table an object exports nothing, not even to itself.
//#Lib: libx.so
//#Edit: libx.so del GNU_HASH
//#Expect: fails "{D}/libx.so: undefined symbol: value"
int value = 1;
int *x(void) { return &value; }
