// The symbol is looked up before anything is written.
//#Lib: libx.so
//#Edit: libx.so set rela:0.offset 0x70000000
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
extern int nobody;
int *x(void) { return &nobody; }
