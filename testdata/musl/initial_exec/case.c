// Initial-exec access to a variable of an opened library is always refused.
//#Loader: musl
//#Lib: libx.so
//#Expect: fails "Error relocating {D}/libx.so: v: initial-exec TLS resolves to dynamic definition in {D}/libx.so"
//#Finding: initial-exec-tls
__thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
