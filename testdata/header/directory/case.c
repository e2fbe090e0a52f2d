// A directory can be opened but not read.
//#Dir: libx.so
//#Expect: fails "{D}/libx.so: cannot read file data: Is a directory"
