// An undefined symbol with a value, as executables have for functions, serves a data reference.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set sym:a.shndx 0
//#Expect: loads
int a(void);
void *x(void) { return a; }
