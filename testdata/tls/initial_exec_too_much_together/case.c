// Two that fit alone do not fit together: the second one to be relocated is named.
//#Lib: libs/liba.so inline="static __thread char block[1000] __attribute__((tls_model(\"initial-exec\"))); char *a(void) { return block; }"
//#Lib: libs/libb.so inline="static __thread char block[1000] __attribute__((tls_model(\"initial-exec\"))); char *b(void) { return block; }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: cannot allocate memory in static TLS block"
char *a(void);
char *b(void);
char *x(int i) { return i ? a() : b(); }
