// A relocation of code needs DT_TEXTREL; without it the store is a fault.
//#Loader: musl
//#Lib: libx.so flags="-Wl,-z,notext"
//#Edit: libx.so del TEXTREL
//#Expect: dies SIGSEGV
int y;
__asm__(".section .text\n.quad y\n");
