// Protection comes after the relocations of the same object.
//#Lib: libx.so
//#Edit: libx.so set phdr:RELRO.vaddr 0x70000000
//#Edit: libx.so set phdr:RELRO.memsz 0x2000
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
extern int nobody;
int *x(void) { return &nobody; }
