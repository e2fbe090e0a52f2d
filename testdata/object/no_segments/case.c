// Program headers without anything to map.
//#Lib: libx.so
//#Edit: libx.so set ehdr.phnum 0
//#Expect: fails "{D}/libx.so: object file has no loadable segments"
int x(void) { return 1; }
