// A weak symbol without a definition does not excuse the type.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 0x30
//#Expect: fails "{D}/libx.so: unexpected reloc type 0x30"
extern int nobody __attribute__((weak));
int *x(void) { return &nobody; }
