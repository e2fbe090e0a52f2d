// One byte less than an ELF header.
//#Lib: libx.so
//#Edit: libx.so truncate 63
//#Expect: fails "{D}/libx.so: file too short"
int x(void) { return 1; }
