// The unused bytes of the identification must be zero.
//#Lib: libx.so
//#Edit: libx.so set ident.15 1
//#Expect: fails "{D}/libx.so: nonzero padding in e_ident"
int x(void) { return 1; }
