// Among the data the first one in the table is named, wherever it is in memory.
//#Lib: libx.so
//#Edit: libx.so set rela:0.sym index:bbb
//#Edit: libx.so set rela:1.sym index:aaa
//#Edit: libx.so set rela:0.offset rela:1.offset
//#Edit: libx.so set rela:1.offset -8
//#Expect: fails "{D}/libx.so: undefined symbol: bbb"
extern int aaa;
extern int bbb;
int *x(int i) { return i ? &aaa : &bbb; }
