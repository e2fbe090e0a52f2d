// A search that leads to the same file finds the loaded library, under any name.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Symlink: libs/libother.so liba.so
//#Lib: stub/libother.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/libother.so runpath=$ORIGIN/libs
//#Preload: libs/liba.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
