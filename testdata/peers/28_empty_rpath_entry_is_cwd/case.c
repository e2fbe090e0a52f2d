// An empty element of a search path is the current directory of the process.
//#Lib: liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=liba.so runpath=/nowhere:
//#Expect: loads
int a(void);
int x(void) { return a(); }
