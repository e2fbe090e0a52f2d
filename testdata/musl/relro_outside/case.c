// A range to protect that is not mapped.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set phdr:RELRO.vaddr 0x40000000
//#Edit: libx.so set phdr:RELRO.memsz 4096
//#Expect: fails "Error relocating {D}/libx.so: RELRO protection failed: Out of memory"
//#ExpectIf: musl>=1.2.4 fails "Error relocating {D}/libx.so: RELRO protection failed: No error information"
//#Finding: relro-range
int y;
int *p = &y;
