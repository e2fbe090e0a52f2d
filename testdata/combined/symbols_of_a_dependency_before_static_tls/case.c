// And the other way round.
//#Lib: libs/liba.so inline="int nobody(void); int a(void) { return nobody(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: nobody"
int a(void);
static __thread char block[1 << 16] __attribute__((tls_model("initial-exec")));
char *x(void) { return block + a(); }
