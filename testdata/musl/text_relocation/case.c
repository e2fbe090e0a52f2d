// With it, everything becomes writable.
//#Loader: musl
//#Lib: libx.so flags="-Wl,-z,notext"
//#Expect: loads
int y;
__asm__(".section .text\n.quad y\n");
