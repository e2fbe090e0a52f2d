// Compressed relative relocations must be announced by a version need of the C library.
//#Lib: libx.so libc flags=-Wl,-z,pack-relative-relocs
//#Edit: libx.so set vernaux:GLIBC_ABI_DT_RELR.hash vernaux:GLIBC_2.2.5.hash
//#Edit: libx.so set vernaux:GLIBC_ABI_DT_RELR.name str:GLIBC_2.2.5
//#Expect: fails "{D}/libx.so: DT_RELR without GLIBC_ABI_DT_RELR dependency"
//#ExpectIf: glibc<2.36 dies SIGSEGV
int puts(const char *);
static int value = 1;
int *table[] = {&value, &value};
int x(void) { return puts("x"); }
