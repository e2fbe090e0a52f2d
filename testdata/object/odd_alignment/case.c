// An alignment that is not a power of two, or less than a page, is not checked.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#0.align 3
//#Edit: libx.so set phdr:LOAD#1.align 16
//#Expect: loads
//#ExpectIf: glibc<2.35 fails "{D}/libx.so: ELF load command alignment not page-aligned"
int x(void) { return 1; }
