// With a token in it, the need and the version need no longer have the same name.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=$ORIGIN/deep/libv.so
//#Lib: deep/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so
//#Expect: dies abort
int v(void);
int x(void) { return v(); }
