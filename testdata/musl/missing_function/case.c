// A function nobody defines.
//#Loader: musl
//#Lib: libx.so
//#Expect: fails "Error relocating {D}/libx.so: a: symbol not found"
//#Finding: symbol-not-found
int a(void);
int x(void) { return a(); }
