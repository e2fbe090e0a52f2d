// A dynamic section whose address is zero is none.
//#Lib: libx.so
//#Edit: libx.so set phdr:DYNAMIC.vaddr 0
//#Expect: fails "{D}/libx.so: object file has no dynamic section"
int x(void) { return 1; }
