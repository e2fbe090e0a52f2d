// A directory called like the library is a hard error.
//#Dir: l1/liba.so
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "{D}/l1/liba.so: cannot read file data: Is a directory"
int a(void);
int x(void) { return a(); }
