// Tags of no known meaning.
//#Lib: libx.so
//#Edit: libx.so add 0x6000dead 1
//#Edit: libx.so add 0x7fffffff00000000 1
//#Edit: libx.so add 0x6ffffdf0 1
//#Expect: loads
int x(void) { return 1; }
