// A needed name with a slash is a path from the working directory; nothing is expanded in it.
//#Loader: musl
//#Lib: sub/liba.so inline="int a(void) { return 1; }" soname=sub/liba.so
//#Lib: libx.so needs=sub/liba.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
