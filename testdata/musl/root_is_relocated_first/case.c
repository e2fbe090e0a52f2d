// The root is relocated before what it needs.
//#Loader: musl
//#Lib: libs/liba.so inline="int gone(void); int a(void) { return gone(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "Error relocating {D}/libx.so: also: symbol not found"
int a(void);
int also(void);
int x(void) { return a() + also(); }
