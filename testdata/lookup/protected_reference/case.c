// A protected one is looked up.
//#Lib: libx.so
//#Edit: libx.so set sym:nobody.other 3
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
int nobody(void);
int x(void) { return nobody(); }
