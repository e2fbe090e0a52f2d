// And so is a segment that cannot be mapped.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#1.offset +1
//#Edit: libx.so set ehdr.type 2
//#Expect: fails "{D}/libx.so: ELF load command address/offset not page-aligned"
//#ExpectIf: glibc<2.35 fails "{D}/libx.so: ELF load command address/offset not properly aligned"
int x(void) { return 1; }
