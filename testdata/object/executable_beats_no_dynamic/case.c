// The type is looked at before the dynamic section.
//#Lib: libx.so
//#Edit: libx.so set ehdr.type 2
//#Edit: libx.so set phdr:DYNAMIC.type 0
//#Expect: fails "{D}/libx.so: cannot dynamically load executable"
int x(void) { return 1; }
