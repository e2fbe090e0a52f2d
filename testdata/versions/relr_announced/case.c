// As the linker does by itself.
//#Lib: libx.so libc flags=-Wl,-z,pack-relative-relocs
//#Expect: loads
int puts(const char *);
static int value = 1;
int *table[] = {&value, &value};
int x(void) { return puts("x"); }
