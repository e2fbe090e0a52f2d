// Without constructors nobody notices at once.
//#Loader: musl
//#Lib: libx.so flags="-Wl,-z,pack-relative-relocs"
//#Expect: loads
static int n;
int *p = &n;
