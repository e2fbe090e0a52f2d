// The region to protect lies outside every mapping.
//#Lib: libx.so
//#Edit: libx.so set phdr:RELRO.vaddr 0x70000000
//#Edit: libx.so set phdr:RELRO.memsz 0x2000
//#Expect: fails "{D}/libx.so: cannot apply additional memory protection after relocation: Cannot allocate memory"
int value = 1;
int *x(void) { return &value; }
