// Unless the process has it from its start.
//#Lib: libs/liba.so inline="int a(void) { return 1; }" flags=-Wl,-z,nodlopen
//#Lib: libx.so needs=libs/liba.so
//#Env: LD_PRELOAD={D}/libs/liba.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
