// A library that forgot to name its dependency works beside a sibling that brings it.
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }"
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
