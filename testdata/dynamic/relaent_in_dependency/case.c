// An assertion in a dependency ends the process just as well.
//#Lib: libs/liba.so inline="int value = 1; int *a(void) { return &value; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set dyn:RELAENT.value 25
//#Expect: dies abort
int *a(void);
int *x(void) { return a(); }
