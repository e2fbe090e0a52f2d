// Program headers of another size.
//#Lib: libx.so
//#Edit: libx.so set ehdr.phentsize 32
//#Expect: fails "{D}/libx.so: ELF file's phentsize not the expected size"
int x(void) { return 1; }
