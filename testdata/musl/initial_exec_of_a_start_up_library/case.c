// What is there since the program started has static storage.
//#Loader: musl
//#Lib: host.so inline="__thread int v;"
//#Lib: libx.so
//#Env: LD_PRELOAD={D}/host.so
//#Expect: loads
extern __thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
