// What the host would resolve by something unusable is resolved at home.
//#Lib: host/libhost.so inline="int v(void) { return 1; }"
//#Edit: host/libhost.so set sym:v.info 0x1a
//#Edit: host/libhost.so set sym:v.value 0x10
//#Lib: libx.so
//#Edit: libx.so add SYMBOLIC 0
//#Preload: host/libhost.so
//#Expect: loads
int v(void) { return 2; }
int x(void) { return v(); }
