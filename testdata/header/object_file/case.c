// A relocatable object file.
//#Lib: libx.so link=object
//#Expect: fails "{D}/libx.so: only ET_DYN and ET_EXEC can be loaded"
int x(void) { return 1; }
