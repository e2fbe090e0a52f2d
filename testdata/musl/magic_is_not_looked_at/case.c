// Without the magic number it loads; that it does is told beside the verdict.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set ident.0 0
//#Expect: loads
//#Finding: accepted-unchecked
int x(void) { return 1; }
