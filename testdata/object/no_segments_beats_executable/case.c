// That is noticed before the type is.
//#Lib: libx.so
//#Edit: libx.so set ehdr.phnum 0
//#Edit: libx.so set ehdr.type 2
//#Expect: fails "{D}/libx.so: object file has no loadable segments"
int x(void) { return 1; }
