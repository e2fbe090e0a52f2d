// Nor is the machine.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set ehdr.machine 183
//#Expect: loads
//#Finding: accepted-unchecked
int x(void) { return 1; }
