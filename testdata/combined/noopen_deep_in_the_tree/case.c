// A library that may not be opened, two levels down, beside one that is missing one level further.
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libs/libc1.so inline="int c(void) { return 1; }" needs=stub/libgone.so flags=-Wl,-z,nodlopen
//#Lib: libs/libb.so inline="int b(void) { return 1; }" needs=libs/libc1.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/libb.so runpath=$ORIGIN/libs
//#Expect: fails "libc1.so: shared object cannot be dlopen()ed"
int b(void);
int x(void) { return b(); }
