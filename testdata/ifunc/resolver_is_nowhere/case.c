// Or outside every segment.
//#Lib: libx.so flags=-Wl,-Bsymbolic
//#Edit: libx.so set jmprel:0.addend 0x70000000
//#Expect: dies SIGSEGV
static int one(void) { return 1; }
static void *pick(void) { return one; }
static int v(void) __attribute__((ifunc("pick")));
int x(void) { return v(); }
