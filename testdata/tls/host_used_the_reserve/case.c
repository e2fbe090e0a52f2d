// What the host opened before counts.
//#Lib: host/libhost.so inline="static __thread char block[1000] __attribute__((tls_model(\"initial-exec\"))); char *h(void) { return block; }"
//#Lib: libx.so
//#Preload: host/libhost.so
//#Expect: fails "{D}/libx.so: cannot allocate memory in static TLS block"
static __thread char block[1000] __attribute__((tls_model("initial-exec")));
char *x(void) { return block; }
