// Two libraries that need each other.
//#Lib: stub/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=stub/libb.so runpath=$ORIGIN
//#Lib: libs/libb.so inline="int a(void); int b(void) { return a != 0; }" needs=libs/liba.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
