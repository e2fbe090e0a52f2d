// A reference that is hidden itself binds to its own object without a look, although it is undefined.
//#Lib: libx.so
//#Edit: libx.so set sym:nobody.other 2
//#Expect: loads
int nobody(void);
int x(void) { return nobody(); }
