// With the needs of the root the other way round the same libraries load.
//#Lib: deep/libz9.so inline="int z(void) { return 1; }"
//#Lib: libs/libleaf.so inline="int z(void); int leaf(void) { return z(); }" needs=deep/libz9.so
//#Lib: libs/liba.so inline="int leaf(void); int a(void) { return leaf(); }" needs=libs/libleaf.so
//#Lib: libs/libb.so inline="int leaf(void); int b(void) { return leaf(); }" needs=libs/libleaf.so rpath=$ORIGIN/../deep
//#Lib: libx.so needs=libs/libb.so,libs/liba.so rpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int b(void);
int x(void) { return a() + b(); }
