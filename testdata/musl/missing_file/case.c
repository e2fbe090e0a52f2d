// There is nothing.
//#Loader: musl
//#Dir: libs
//#Expect: fails "Error loading shared library {D}/libx.so: No such file or directory"
//#Finding: cannot-open
