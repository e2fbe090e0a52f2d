// So is one at a fixed address, if that is free.
//#Loader: musl
//#Lib: libx.so link=exe flags="-nostdlib -Wl,-e,x -Wl,--image-base=0x10000000 -Wl,--export-dynamic -Wl,-I/none"
//#Expect: loads
//#Finding: accepted-unchecked
extern int z __attribute__((weak));
int x(void) { return (int)(long)&z; }
