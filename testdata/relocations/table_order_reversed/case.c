// The same library with the two entries exchanged.
//#Lib: libx.so
//#Edit: libx.so set rela:0.sym index:aaa
//#Edit: libx.so set rela:1.sym index:bbb
//#Expect: fails "{D}/libx.so: undefined symbol: aaa"
extern int aaa;
extern int bbb;
int *x(int i) { return i ? &aaa : &bbb; }
