// Of size zero it is not touched.
//#Lib: libx.so
//#Edit: libx.so set dyn:INIT_ARRAY.value 0x70000000
//#Edit: libx.so set dyn:INIT_ARRAYSZ.value 0
//#Expect: loads
int started;
__attribute__((constructor)) static void start(void) { started = 1; }
