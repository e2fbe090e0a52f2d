// A link that leads nowhere is no file.
//#Loader: musl
//#Symlink: one/liba.so gone
//#Lib: two/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=two/liba.so runpath=$ORIGIN/one:$ORIGIN/two
//#Expect: loads
int a(void);
int x(void) { return a(); }
