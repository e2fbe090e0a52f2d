// A dependency exhausts the reserve before the root's undefined symbol is reached.
//#Lib: libs/liba.so inline="static __thread char block[65536] __attribute__((tls_model(\"initial-exec\"))); char *a(void) { return block; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: cannot allocate memory in static TLS block"
char *a(void);
int nobody(void);
char *x(void) { return a() + nobody(); }
