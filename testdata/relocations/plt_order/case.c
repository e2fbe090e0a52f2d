// In the PLT it is the order of the table too.
//#Lib: libx.so
//#Edit: libx.so set jmprel:0.sym index:bbb
//#Edit: libx.so set jmprel:1.sym index:aaa
//#Expect: fails "{D}/libx.so: undefined symbol: bbb"
int aaa(void);
int bbb(void);
int x(void) { return aaa() + bbb(); }
