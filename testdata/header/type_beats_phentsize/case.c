// The type is looked at before the size of a program header.
//#Lib: libx.so
//#Edit: libx.so set ehdr.type 0
//#Edit: libx.so set ehdr.phentsize 32
//#Expect: fails "{D}/libx.so: only ET_DYN and ET_EXEC can be loaded"
int x(void) { return 1; }
