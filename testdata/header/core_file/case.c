// A core file, by its type.
//#Lib: libx.so
//#Edit: libx.so set ehdr.type 4
//#Expect: fails "{D}/libx.so: only ET_DYN and ET_EXEC can be loaded"
int x(void) { return 1; }
