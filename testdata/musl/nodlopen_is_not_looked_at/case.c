// DF_1_NOOPEN means nothing.
//#Loader: musl
//#Lib: libx.so flags=-Wl,-z,nodlopen
//#Expect: loads
int x(void) { return 1; }
