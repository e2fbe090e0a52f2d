// A link to nothing is passed over.
//#Symlink: l1/liba.so gone.so
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: loads
int a(void);
int x(void) { return a(); }
