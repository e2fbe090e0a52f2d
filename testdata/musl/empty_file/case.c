// An empty file is no executable.
//#Loader: musl
//#Write: libx.so ""
//#Expect: fails "Error loading shared library {D}/libx.so: Exec format error"
//#Finding: file-too-short
