// The PLT is processed like the rest when everything is bound at once.
//#Lib: libx.so
//#Edit: libx.so set jmprel:0.type 200
//#Expect: fails "{D}/libx.so: unexpected reloc type 0xc8"
int y(void) { return 1; }
int x(void) { return y(); }
