// The whole identification comes before the rest of the header.
//#Lib: libx.so
//#Edit: libx.so set ident.9 1
//#Edit: libx.so set ehdr.version 0
//#Expect: fails "{D}/libx.so: nonzero padding in e_ident"
int x(void) { return 1; }
