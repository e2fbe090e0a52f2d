// A name that leads to the very same file leads to the object that is there.
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/liba.so
//#Lib: libx.so needs=stub/liba.so
//#Symlink: liba.so libx.so
//#Expect: loads
int x(void) { return 1; }
