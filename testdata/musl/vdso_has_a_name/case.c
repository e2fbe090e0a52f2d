// linux-gate.so.1 is the vDSO, which is always there.
//#Loader: musl
//#Lib: stub/linux-gate.so.1 inline="int g;"
//#Lib: libx.so needs=stub/linux-gate.so.1
//#Expect: loads
int x(void) { return 1; }
