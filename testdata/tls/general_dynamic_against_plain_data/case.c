// A general-dynamic one does not mind.
//#Lib: stub/liba.so inline="__thread int v;"
//#Lib: libs/liba.so inline="int v = 1;"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: loads
extern __thread int v;
int x(void) { return v; }
