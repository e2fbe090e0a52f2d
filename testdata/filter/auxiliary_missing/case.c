// The target of DT_AUXILIARY need not.
//#Lib: libx.so flags=-Wl,-f,libgone.so
//#Expect: loads
int x(void) { return 1; }
