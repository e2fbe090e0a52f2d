// Which does no harm if nobody asks.
//#Lib: libx.so
//#Edit: libx.so del GNU_HASH
//#Expect: loads
int x(void) { return 1; }
