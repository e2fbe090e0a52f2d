// The parent's DT_RPATH is discarded for its children too.
//#Lib: deep/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=deep/libb.so
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs soname=$ORIGIN/deep
//#Edit: libx.so add RPATH str:$ORIGIN/deep
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
