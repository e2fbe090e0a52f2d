// A position-independent program is loaded like a library.
//#Loader: musl
//#Lib: libx.so link=pie flags="-nostdlib -Wl,-e,x"
//#Expect: loads
//#Finding: accepted-unchecked
int x(void) { return 1; }
