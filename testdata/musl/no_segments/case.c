// Without PT_LOAD the span makes no sense to the kernel.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#0.type 4
//#Edit: libx.so set phdr:LOAD#0.type 4
//#Edit: libx.so set phdr:LOAD#0.type 4
//#Edit: libx.so set phdr:LOAD#0.type 4
//#Expect: fails "Error loading shared library {D}/libx.so: Out of memory"
int x(void) { return 1; }
