// The symbol is looked up before the type is looked at.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 3
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
extern int nobody;
int *x(void) { return &nobody; }
