// DT_RPATH of the root serves the needs of its dependencies too.
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
