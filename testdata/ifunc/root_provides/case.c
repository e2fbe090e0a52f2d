// The root is relocated last, so a dependency must not use an IFUNC of the root.
//#Lib: libs/libc1.so inline="int c(void) { return 1; }"
//#Lib: libs/liba.so inline="int v(void); int a(void) { return v(); }"
//#Lib: libx.so needs=libs/liba.so,libs/libc1.so runpath=$ORIGIN/libs
//#Expect: dies SIGSEGV
int c(void);
int a(void);
static int one(void) { return 1; }
static int two(void) { return 2; }
static void *pick(void) { return c() ? one : two; }
int v(void) __attribute__((ifunc("pick")));
int x(void) { return a(); }
