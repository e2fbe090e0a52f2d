// The identification is looked at from left to right.
//#Lib: libx.so
//#Edit: libx.so set ident.9 1
//#Edit: libx.so set ident.7 6
//#Expect: fails "{D}/libx.so: ELF file OS ABI invalid"
int x(void) { return 1; }
