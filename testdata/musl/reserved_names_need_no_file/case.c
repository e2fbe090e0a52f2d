// Names that begin with lib and c., m., pthread., dl., rt., util. or xnet. are musl itself, whatever follows.
//#Loader: musl
//#Lib: stub/libm.so.6 inline="int m;"
//#Lib: stub/libpthread.so.0 inline="int p;"
//#Lib: stub/libc.anything inline="int c;"
//#Lib: stub/libxnet.so inline="int n;"
//#Lib: libx.so needs=stub/libm.so.6,stub/libpthread.so.0,stub/libc.anything,stub/libxnet.so
//#Expect: loads
int x(void) { return 1; }
