// The version inside the identification, which has a text of its own.
//#Lib: libx.so
//#Edit: libx.so set ident.6 0
//#Expect: fails "{D}/libx.so: ELF file version ident does not match current one"
int x(void) { return 1; }
