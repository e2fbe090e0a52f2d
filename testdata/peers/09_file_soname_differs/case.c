// A file is found by its name; that its DT_SONAME is another does not matter.
//#Lib: stub/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" soname=libother.so.7
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
