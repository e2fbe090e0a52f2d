// A function reference may be bound to data.
//#Lib: libs/liba.so inline="int a = 1;"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
