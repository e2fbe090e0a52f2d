// But not for a dependency.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Edit: libs/liba.so add PREINIT_ARRAY 0x70000000
//#Edit: libs/liba.so add PREINIT_ARRAYSZ 8
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
