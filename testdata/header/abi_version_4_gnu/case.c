// One more than that.
//#Lib: libx.so
//#Edit: libx.so set ident.7 3
//#Edit: libx.so set ident.8 4
//#Expect: fails "{D}/libx.so: ELF file ABI version invalid"
int x(void) { return 1; }
