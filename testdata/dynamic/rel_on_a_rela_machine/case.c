// The tables of the other kind of relocation are ignored, whatever they say.
//#Lib: libx.so
//#Edit: libx.so add REL 0x70000000
//#Edit: libx.so add RELSZ 800
//#Edit: libx.so add RELENT 5
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
