// A malformed dependency kills the process before the missing one is noticed.
//#Lib: libs/liba.so inline="int value = 1; int *a(void) { return &value; }"
//#Edit: libs/liba.so set dyn:RELAENT.value 16
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libx.so needs=libs/liba.so,stub/libgone.so runpath=$ORIGIN/libs
//#Expect: dies abort
int *a(void);
int *x(void) { return a(); }
