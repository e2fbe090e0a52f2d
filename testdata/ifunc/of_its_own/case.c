// An IFUNC whose resolver needs nothing.
//#Lib: libx.so
//#Expect: loads
static int one(void) { return 1; }
static void *pick(void) { return one; }
int v(void) __attribute__((ifunc("pick")));
int x(void) { return v(); }
