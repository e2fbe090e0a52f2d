// DF_1_NOOPEN.
//#Lib: libx.so flags=-Wl,-z,nodlopen
//#Expect: fails "{D}/libx.so: shared object cannot be dlopen()ed"
int x(void) { return 1; }
