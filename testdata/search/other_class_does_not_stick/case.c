// The class of one library is not remembered for the next missing one.
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Copy: l2/liba.so l1/liba.so
//#Edit: l1/liba.so set ident.4 1
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libx.so needs=l2/liba.so,stub/libgone.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "libgone.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
