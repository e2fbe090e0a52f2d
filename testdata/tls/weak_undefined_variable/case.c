// A weak one is not.
//#Lib: libx.so
//#Expect: loads
extern __thread int nobody __attribute__((weak, tls_model("initial-exec")));
int *x(void) { return &nobody; }
