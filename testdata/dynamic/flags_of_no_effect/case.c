// DF_1 bits the loader does not act upon: all but NODELETE, INITFIRST, NOOPEN, NODEFLIB and PIE.
//#Lib: libx.so
//#Edit: libx.so add FLAGS_1 0xf7fff797
//#Edit: libx.so add FLAGS 0x11
//#Expect: loads
int x(void) { return 1; }
