// The other way round it is the missing one that is said.
//#Lib: libs/liba.so inline="int value = 1; int *a(void) { return &value; }"
//#Edit: libs/liba.so set dyn:RELAENT.value 16
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libx.so needs=stub/libgone.so,libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "libgone.so: cannot open shared object file: No such file or directory"
int *a(void);
int *x(void) { return a(); }
