// A file for another machine is passed over in a search.
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Copy: l2/liba.so l1/liba.so
//#Edit: l1/liba.so set ehdr.machine 183
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: loads
int a(void);
int x(void) { return a(); }
