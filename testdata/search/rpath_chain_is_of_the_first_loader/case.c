// The chain climbs to the object that caused the load first, not to everyone who needs the library.
//#Lib: deep/libz9.so inline="int z(void) { return 1; }"
//#Lib: libs/libleaf.so inline="int z(void); int leaf(void) { return z(); }" needs=deep/libz9.so
//#Lib: libs/liba.so inline="int leaf(void); int a(void) { return leaf(); }" needs=libs/libleaf.so
//#Lib: libs/libb.so inline="int leaf(void); int b(void) { return leaf(); }" needs=libs/libleaf.so rpath=$ORIGIN/../deep
//#Lib: libx.so needs=libs/liba.so,libs/libb.so rpath=$ORIGIN/libs
//#Expect: fails "libz9.so: cannot open shared object file: No such file or directory"
int a(void);
int b(void);
int x(void) { return a() + b(); }
