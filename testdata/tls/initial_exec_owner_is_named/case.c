// The object that owns the variable is named, not the one that refers to it.
//#Lib: libs/liba.so inline="__thread char block[65536];"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: cannot allocate memory in static TLS block"
extern __thread char block[65536] __attribute__((tls_model("initial-exec")));
char *x(void) { return block; }
