// A TLS segment whose alignment is zero.
//#Lib: libx.so
//#Edit: libx.so set phdr:TLS.align 0
//#Expect: dies SIGFPE
__thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
