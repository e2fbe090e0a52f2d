// The version outside the identification.
//#Lib: libx.so
//#Edit: libx.so set ehdr.version 2
//#Expect: fails "{D}/libx.so: ELF file version does not match current one"
int x(void) { return 1; }
