// A name that no search would find is satisfied by the DT_SONAME of an object that came earlier under another name.
//#Lib: stub/liba.so inline="int a(void) { return 1; }" soname=$ORIGIN/deep/liba.so
//#Lib: deep/liba.so inline="int a(void) { return 1; }" soname=libq.so.1
//#Lib: stub/libq.so inline="int q(void) { return 1; }" soname=libq.so.1
//#Lib: libx.so needs=stub/liba.so,stub/libq.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
