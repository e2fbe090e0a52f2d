// A directory opens and cannot be read.
//#Loader: musl
//#Dir: libx.so
//#Expect: fails "Error loading shared library {D}/libx.so: Is a directory"
