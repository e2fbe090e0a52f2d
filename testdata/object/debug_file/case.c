// Separate debugging information keeps the program headers but not what they describe.
//#Lib: libx.so flags=-g
//#Run: objcopy --only-keep-debug {D}/libx.so
//#Expect: fails "{D}/libx.so: object file has no dynamic section"
int x(void) { return 1; }
