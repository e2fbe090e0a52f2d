// The root is opened by its path, so a soname that is taken already does not hide it.
//#Lib: libx.so soname=libc.so.6
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
int nobody(void);
int x(void) { return nobody(); }
