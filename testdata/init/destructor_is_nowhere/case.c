// DT_FINI is not touched by loading.
//#Lib: libx.so
//#Edit: libx.so add FINI 0x70000000
//#Expect: loads
int x(void) { return 1; }
