// Constructors of dependencies run too.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Edit: libs/liba.so add INIT 0x70000000
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: dies SIGSEGV
int a(void);
int x(void) { return a(); }
