// A need written as a path is one of the names of what it led to.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=deep/libv.so
//#Lib: deep/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=other.so
//#Lib: libx.so needs=stub/libv.so
//#Expect: loads
int v(void);
int x(void) { return v(); }
