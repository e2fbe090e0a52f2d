// A TLS segment of size zero is none.
//#Lib: libx.so
//#Edit: libx.so set phdr:TLS.memsz 0
//#Expect: dies SIGFPE
__thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
