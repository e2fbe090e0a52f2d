// The search ends at the first loadable file, although it lacks the symbol that the second has.
//#Lib: l1/liba.so inline="int other(void) { return 1; }"
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
