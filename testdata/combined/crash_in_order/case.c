// A resolver that crashes in one object hides what is undefined in the next.
//#Lib: libs/liba.so inline="static int one(void) { return 1; } static void *pick(void) { return one; } static int v(void) __attribute__((ifunc(\"pick\"))); int a(void) { return v(); }"
//#Edit: libs/liba.so set jmprel:0.addend 0
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: dies SIGSEGV
int a(void);
int nobody(void);
int x(void) { return a() + nobody(); }
