// The address of the first variable is zero, which is a definition here.
//#Lib: libs/liba.so inline="__thread int v = 1;"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
extern __thread int v;
int x(void) { return v; }
