// Nor does PT_GNU_STACK.
//#Loader: musl
//#Lib: libx.so flags=-Wl,-z,execstack
//#Expect: loads
int x(void) { return 1; }
