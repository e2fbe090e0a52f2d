// A child with DT_RUNPATH contributes nothing to the chain but does not break it for its own child.
//#Lib: deep/libz9.so inline="int z(void) { return 1; }"
//#Lib: mid/libleaf.so inline="int z(void); int leaf(void) { return z(); }" needs=deep/libz9.so
//#Lib: libs/libmid.so inline="int leaf(void); int mid(void) { return leaf(); }" needs=mid/libleaf.so runpath=$ORIGIN/../mid
//#Lib: libx.so needs=libs/libmid.so rpath=$ORIGIN/libs:$ORIGIN/deep
//#Expect: loads
int mid(void);
int x(void) { return mid(); }
