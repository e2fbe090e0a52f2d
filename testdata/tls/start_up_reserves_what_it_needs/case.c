// What is there from the start has its place, however large, and does not use up the reserve.
//#Lib: host/libhost.so inline="__thread char big[65536] __attribute__((tls_model(\"initial-exec\"))); char *h(void) { return big; }"
//#Lib: libx.so needs=host/libhost.so
//#Env: LD_PRELOAD={D}/host/libhost.so
//#Expect: loads
extern __thread char big[65536] __attribute__((tls_model("initial-exec")));
static __thread char block[512] __attribute__((tls_model("initial-exec")));
char *x(int i) { return i ? big : block; }
