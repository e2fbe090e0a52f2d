// The class is looked at before everything else in the identification, and stops the look.
//#Lib: libx.so
//#Edit: libx.so set ident.4 1
//#Edit: libx.so set ident.7 9
//#Edit: libx.so set ident.6 0
//#Expect: fails "{D}/libx.so: wrong ELF class: ELFCLASS32"
int x(void) { return 1; }
