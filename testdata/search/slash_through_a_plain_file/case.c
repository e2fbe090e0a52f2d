// The reason comes from the system.
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/plain/liba.so
//#Write: plain "a file, not a directory"
//#Lib: libx.so needs=stub/liba.so
//#Expect: fails "{D}/plain/liba.so: cannot open shared object file: Not a directory"
int a(void);
int x(void) { return a(); }
