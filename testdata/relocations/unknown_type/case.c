// A relocation type the loader does not know.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 3
//#Expect: fails "{D}/libx.so: unexpected reloc type 0x03"
int value = 1;
int *x(void) { return &value; }
