// A symbol that no relocation refers to may be undefined.
//#Lib: libx.so
//#Edit: libx.so set jmprel:0.type 0
//#Expect: loads
int nobody(void);
int x(void) { return nobody(); }
