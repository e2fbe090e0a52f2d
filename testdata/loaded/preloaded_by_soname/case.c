// A host that has a library open satisfies a need that no search would.
//#Lib: host/libhost.so inline="int h(void) { return 1; }" soname=libhost.so.3
//#Lib: libx.so needs=host/libhost.so
//#Preload: host/libhost.so
//#Expect: loads
int h(void);
int x(void) { return h(); }
