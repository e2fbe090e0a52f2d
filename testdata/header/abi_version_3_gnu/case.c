// The highest ABI version this loader knows.
//#Lib: libx.so
//#Edit: libx.so set ident.7 3
//#Edit: libx.so set ident.8 3
//#Expect: loads
//#ExpectIf: glibc<2.28 fails "{D}/libx.so: ELF file ABI version invalid"
int x(void) { return 1; }
