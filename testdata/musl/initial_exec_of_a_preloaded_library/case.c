// A library that was opened before is as dynamic as a new one.
//#Loader: musl
//#Lib: host.so inline="__thread int v;"
//#Lib: libx.so
//#Preload: host.so
//#Expect: fails "Error relocating {D}/libx.so: v: initial-exec TLS resolves to dynamic definition in {D}/host.so"
extern __thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
