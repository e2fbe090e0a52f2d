// General-dynamic TLS may be any size.
//#Lib: libx.so
//#Expect: loads
static __thread char block[1 << 24];
char *x(void) { return block; }
