// A token may be written in braces, and then anything may follow.
//#Lib: r-x/liba.so inline="int a(void) { return 1; }"
//#Lib: r/libx.so needs=r-x/liba.so runpath=${ORIGIN}-x
//#Root: r/libx.so
//#Expect: loads
int a(void);
int x(void) { return a(); }
