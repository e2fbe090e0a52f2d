// An error other than a missing, forbidden or overlong name stops everything.
//#Loader: musl
//#Symlink: one/liba.so liba.so
//#Lib: two/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=two/liba.so runpath=$ORIGIN/one:$ORIGIN/two
//#Expect: fails "Error loading shared library liba.so: Symbolic link loop (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
