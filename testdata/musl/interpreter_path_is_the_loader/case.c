// The path of the program's interpreter is musl itself.
//#Loader: musl
//#Lib: stub/libi.so inline="int i;" soname=/lib/ld-musl-x86_64.so.1
//#Lib: libx.so needs=stub/libi.so
//#Expect: loads
int x(void) { return 1; }
