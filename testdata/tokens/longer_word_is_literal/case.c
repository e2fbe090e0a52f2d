// $ORIGINAL is not $ORIGIN.
//#Lib: $ORIGINAL/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=$ORIGINAL/liba.so runpath=$ORIGINAL
//#Expect: loads
int a(void);
int x(void) { return a(); }
