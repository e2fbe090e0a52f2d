// Both ends are rounded down, so a region inside one page is empty, wherever it is.
//#Lib: libx.so
//#Edit: libx.so set phdr:RELRO.vaddr 0x70000000
//#Edit: libx.so set phdr:RELRO.memsz 0xfff
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
