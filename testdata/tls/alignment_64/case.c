// The reserve has the alignment of the process.
//#Lib: libx.so
//#Expect: loads
static __thread char block[64] __attribute__((tls_model("initial-exec"), aligned(64)));
char *x(void) { return block; }
