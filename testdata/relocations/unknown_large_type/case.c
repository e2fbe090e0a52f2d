// A large one is written with eight digits.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 0x100
//#Expect: fails "{D}/libx.so: unexpected reloc type 0x00000100"
int value = 1;
int *x(void) { return &value; }
