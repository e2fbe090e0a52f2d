// An initial-exec reference that is bound to an object without any TLS divides by its alignment.
//#Lib: stub/liba.so inline="__thread int v;"
//#Lib: libs/liba.so inline="int v = 1;"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: dies SIGFPE
extern __thread int v __attribute__((tls_model("initial-exec")));
int x(void) { return v; }
