// The tokens of a need are replaced before anything else, so every message about it has the path.
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/deep/liba.so
//#Lib: deep/liba.so inline="int a(void) { return 1; }" flags=-Wl,-z,nodlopen
//#Lib: libx.so needs=stub/liba.so
//#Expect: fails "{D}/deep/liba.so: shared object cannot be dlopen()ed"
int a(void);
int x(void) { return a(); }
