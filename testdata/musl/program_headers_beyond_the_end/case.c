// Program headers have to be in the file.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set ehdr.phoff 0x1000000
//#Expect: fails "Error loading shared library {D}/libx.so: Exec format error"
//#Finding: truncated
int x(void) { return 1; }
