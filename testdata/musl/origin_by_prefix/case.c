// $ORIGIN is replaced wherever it stands, without looking at what follows.
//#Loader: musl
//#Lib: pAL/liba.so inline="int a(void) { return 1; }"
//#Lib: p/libb.so inline="int a(void); int b(void) { return a(); }" needs=pAL/liba.so runpath=$ORIGINAL
//#Lib: libx.so needs=p/libb.so runpath=${ORIGIN}/p
//#Expect: loads
int b(void);
int x(void) { return b(); }
