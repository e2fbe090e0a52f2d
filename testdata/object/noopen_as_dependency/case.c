// So is DF_1_NOOPEN: it speaks of dlopen, not of the root.
//#Lib: libs/liba.so inline="int a(void) { return 1; }" flags=-Wl,-z,nodlopen
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "liba.so: shared object cannot be dlopen()ed"
int a(void);
int x(void) { return a(); }
