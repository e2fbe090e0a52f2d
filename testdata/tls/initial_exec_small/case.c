// A little initial-exec TLS fits into the reserve.
//#Lib: libx.so
//#Expect: loads
static __thread char block[512] __attribute__((tls_model("initial-exec")));
char *x(void) { return block; }
