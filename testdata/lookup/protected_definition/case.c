// A protected definition is like any other.
//#Lib: libs/liba.so inline="__attribute__((visibility(\"protected\"))) int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
