// As long as there is room for it.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#0.align 0x800000000000
//#Expect: fails "{D}/libx.so: failed to map segment from shared object"
//#ExpectIf: glibc<2.35 fails "{D}/libx.so: ELF load command address/offset not properly aligned"
int x(void) { return 1; }
