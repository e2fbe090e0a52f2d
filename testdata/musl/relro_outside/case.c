// A range to protect that is not mapped.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set phdr:GNU_RELRO.vaddr 0x40000000
//#Expect: fails "Error relocating {D}/libx.so: RELRO protection failed: Out of memory"
//#ExpectIf: musl>=1.2.4 fails "Error relocating {D}/libx.so: RELRO protection failed: No error information"
//#Finding: relro-range
int y;
int *p = &y;
