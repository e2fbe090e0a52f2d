// An element that is a file is passed over.
//#Loader: musl
//#Write: one "x"
//#Lib: two/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=two/liba.so runpath=$ORIGIN/one:$ORIGIN/two
//#Expect: loads
int a(void);
int x(void) { return a(); }
