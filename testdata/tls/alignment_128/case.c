// A stricter one cannot be had any more.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: cannot allocate memory in static TLS block"
static __thread char block[128] __attribute__((tls_model("initial-exec"), aligned(128)));
char *x(void) { return block; }
