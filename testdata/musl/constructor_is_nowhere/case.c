// A constructor that is no code.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so add INIT 0x10000000
//#Expect: dies SIGSEGV
//#Finding: code-unreachable
int x(void) { return 1; }
