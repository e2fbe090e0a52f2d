// The file type is the one thing that is compared.
//#Loader: musl
//#Lib: libx.so link=object
//#Expect: fails "Error loading shared library {D}/libx.so: Exec format error"
//#Finding: not-a-library
int x(void) { return 1; }
