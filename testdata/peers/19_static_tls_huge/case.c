// Initial-exec TLS of a dlopened object must fit what the process kept in reserve.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: cannot allocate memory in static TLS block"
static __thread char block[1 << 20] __attribute__((tls_model("initial-exec")));
char *x(void) { return block; }
