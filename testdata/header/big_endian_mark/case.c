// The byte order mark of an otherwise native file.
//#Lib: libx.so
//#Edit: libx.so set ident.5 2
//#Expect: fails "{D}/libx.so: ELF file data encoding not little-endian"
int x(void) { return 1; }
