// DT_RELR is not applied before 1.2.4: the constructors' table holds no addresses.
//#Loader: musl
//#Lib: libx.so flags="-Wl,-z,pack-relative-relocs"
//#Expect: dies SIGSEGV
//#ExpectIf: musl>=1.2.4 loads
static int n;
__attribute__((constructor)) static void begin(void) { n = 1; }
int *p = &n;
