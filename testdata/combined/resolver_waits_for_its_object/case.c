// Within one object a resolver runs after the other relocations, so the undefined symbol is said.
//#Lib: libx.so
//#Edit: libx.so set jmprel:0.addend 0
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
static int one(void) { return 1; }
static void *pick(void) { return one; }
static int v(void) __attribute__((ifunc("pick")));
extern int nobody;
int x(void) { return v() + nobody; }
