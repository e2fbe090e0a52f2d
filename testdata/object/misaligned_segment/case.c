// Address and offset of a segment must agree within a page.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#1.vaddr +16
//#Expect: fails "{D}/libx.so: ELF load command address/offset not page-aligned"
//#ExpectIf: glibc<2.35 fails "{D}/libx.so: ELF load command address/offset not properly aligned"
int x(void) { return 1; }
