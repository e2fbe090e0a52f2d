// Any class that is not 64-bit is called 32-bit.
//#Lib: libx.so
//#Edit: libx.so set ident.4 9
//#Expect: fails "{D}/libx.so: wrong ELF class: ELFCLASS32"
int x(void) { return 1; }
