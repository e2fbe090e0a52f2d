// The rule is only for libraries that need the C library by name.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs flags=-Wl,-z,pack-relative-relocs
//#Expect: loads
int v(void);
static int value = 1;
int *table[] = {&value, &value};
int x(void) { return v(); }
