// A DT_NEEDED with $ORIGIN and a slash is a path, not a name to search.
//#Lib: stub/liba.so inline="int a(void) { return 1; }" soname=$ORIGIN/deep/liba.so
//#Lib: deep/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/liba.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
