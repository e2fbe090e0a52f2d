// A segment larger than the address space is refused.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#3.memsz 0x7000000000000000
//#Expect: fails "Error loading shared library {D}/libx.so: Out of memory"
//#Finding: mapping-refused
int y = 1;
int *x(void) { return &y; }
