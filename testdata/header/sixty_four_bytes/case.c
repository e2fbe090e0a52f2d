// A whole ELF header whose program headers are gone: the read ends early, which is not an errno.
//#Lib: libx.so
//#Edit: libx.so truncate 64
//#Expect: fails "{D}/libx.so: cannot read file data"
int x(void) { return 1; }
