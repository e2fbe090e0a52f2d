// An empty name is an invalid argument.
//#Loader: musl
//#Lib: stub/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=stub/liba.so
//#Edit: libx.so string liba.so ""
//#Expect: fails "Error loading shared library : Invalid argument (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
