// What one requester's path has found, another without a path finds by name.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/libb.so inline="int a(void); int b(void) { return a(); }" needs=libs/liba.so
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int b(void);
int x(void) { return b(); }
