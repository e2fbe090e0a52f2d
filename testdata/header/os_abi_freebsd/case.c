// Another operating system's mark.
//#Lib: libx.so
//#Edit: libx.so set ident.7 9
//#Expect: fails "{D}/libx.so: ELF file OS ABI invalid"
int x(void) { return 1; }
