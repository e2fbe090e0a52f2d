// The relocations of one object are taken in order: the reserve is exhausted before the undefined call is bound.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: cannot allocate memory in static TLS block"
static __thread char block[1 << 16] __attribute__((tls_model("initial-exec")));
int nobody(void);
char *x(void) { return block + nobody(); }
