// No dynamic section at all.
//#Lib: libx.so
//#Edit: libx.so set phdr:DYNAMIC.type 0
//#Expect: fails "{D}/libx.so: object file has no dynamic section"
int x(void) { return 1; }
