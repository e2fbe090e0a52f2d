// libc.so.6 is there already, so what lies under this name in the search path does not matter.
//#Write: libs/libc.so.6 "This is not the C library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libx.so libc rpath=$ORIGIN/libs
//#Expect: loads
int puts(const char *);
int x(void) { return puts("x"); }
