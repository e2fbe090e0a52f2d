// A unique definition counts.
//#Lib: libs/liba.so inline="int a = 1;"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:a.info 0xa1
//#Expect: loads
extern int a;
int x(void) { return a; }
