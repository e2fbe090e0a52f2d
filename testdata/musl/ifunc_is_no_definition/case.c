// An IFUNC of another library is not found.
//#Loader: musl
//#Lib: stub/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/liba.so inline="static int one(void) { return 1; } static void *pick(void) { return one; } int a(void) __attribute__((ifunc(\"pick\")));"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: fails "Error relocating {D}/libx.so: a: symbol not found"
int a(void);
int x(void) { return a(); }
