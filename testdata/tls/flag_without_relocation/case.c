// DF_STATIC_TLS is only a word: without an initial-exec relocation nothing is reserved.
//#Lib: libx.so
//#Edit: libx.so add FLAGS 16
//#Expect: loads
static __thread char block[1 << 20];
char *x(void) { return block; }
