// Every byte of the magic number counts.
//#Lib: libx.so
//#Edit: libx.so set ident.3 0x47
//#Expect: fails "{D}/libx.so: invalid ELF header"
int x(void) { return 1; }
