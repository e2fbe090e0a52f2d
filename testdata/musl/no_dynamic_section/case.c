// Without PT_DYNAMIC there is nothing to load.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set phdr:DYNAMIC.type 4
//#Expect: fails "Error loading shared library {D}/libx.so: Exec format error"
//#Finding: no-dynamic-section
int x(void) { return 1; }
