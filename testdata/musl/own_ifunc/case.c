// A library's own IFUNC is a relocation musl does not know.
//#Loader: musl
//#Lib: libx.so
//#Expect: fails "Error relocating {D}/libx.so: unsupported relocation type 37"
//#Finding: relocation-type
static int one(void) { return 1; }
static void *pick(void) { return one; }
static int a(void) __attribute__((ifunc("pick")));
int x(void) { return a(); }
