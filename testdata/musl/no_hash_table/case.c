// Every new library is asked for two names: without a hash table the loader dies.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so del GNU_HASH
//#Expect: dies SIGSEGV
//#Finding: malformed-hash
int x(void) { return 1; }
