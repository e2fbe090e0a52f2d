// Nor does an ordinary reference that finds a thread variable.
//#Lib: stub/liba.so inline="int v = 1;"
//#Lib: libs/liba.so inline="__thread int v = 1;"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: loads
extern int v;
int *x(void) { return &v; }
