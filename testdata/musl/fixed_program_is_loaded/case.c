// So is one at a fixed address, if that is free.
//#Loader: musl
//#Lib: stub/libm.so inline="int m(void) { return 1; }"
//#Lib: libx.so link=exe flags="-nostdlib -Wl,-e,x -Wl,-Ttext-segment=0x10000000 -Wl,--no-as-needed" needs=stub/libm.so
//#Expect: loads
//#Finding: accepted-unchecked
int x(void) { return 1; }
