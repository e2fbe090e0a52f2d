// The same in a dependency.
//#Lib: libs/liba.so inline="int value = 1; int a(void) { return value; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so truncate 0x1000
//#Expect: dies SIGBUS
int a(void);
int x(void) { return a(); }
