// A need with a token is named by what it stands for, though nothing was opened.
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/deep/liba.so
//#Lib: libx.so needs=stub/liba.so
//#Expect: fails "{D}/deep/liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
