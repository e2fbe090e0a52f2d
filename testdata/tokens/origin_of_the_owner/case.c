// An inherited DT_RPATH is expanded for the object that has it, not for the one that searches.
//#Lib: deep/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=deep/libb.so
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/libs/liba.so
//#Lib: libx.so needs=stub/liba.so rpath=$ORIGIN/deep
//#Expect: loads
int a(void);
int x(void) { return a(); }
