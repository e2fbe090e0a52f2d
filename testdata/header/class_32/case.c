// The other word size.
//#Lib: libx.so
//#Edit: libx.so set ident.4 1
//#Expect: fails "{D}/libx.so: wrong ELF class: ELFCLASS32"
int x(void) { return 1; }
