// An ABI version other than 0 needs the GNU mark beside it.
//#Lib: libx.so
//#Edit: libx.so set ident.8 1
//#Expect: fails "{D}/libx.so: ELF file ABI version invalid"
int x(void) { return 1; }
