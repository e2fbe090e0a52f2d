// Whatever is wrong with it is forgiven, even what would be a hard error for a need.
//#Write: libs/libt.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: loads
int x(void) { return 1; }
