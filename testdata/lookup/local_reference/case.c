// A reference of local binding is not.
//#Lib: libx.so
//#Edit: libx.so set sym:nobody.info 0x02
//#Expect: loads
int nobody(void);
int x(void) { return nobody(); }
