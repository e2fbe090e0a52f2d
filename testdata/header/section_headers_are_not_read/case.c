// Nothing about sections matters to the loader.
//#Lib: libx.so
//#Edit: libx.so set ehdr.shoff 0xffffffffffffffff
//#Edit: libx.so set ehdr.shnum 0xffff
//#Edit: libx.so set ehdr.shentsize 1
//#Edit: libx.so set ehdr.shstrndx 0xfff0
//#Edit: libx.so set ehdr.ehsize 7
//#Edit: libx.so set ehdr.flags 0xffff
//#Expect: loads
int x(void) { return 1; }
