// The same for a token in braces, and a file that was opened.
//#Lib: stub/liba.so inline="int a(void);" soname=${ORIGIN}/deep/liba.so
//#Write: deep/liba.so "short"
//#Lib: libx.so needs=stub/liba.so
//#Expect: fails "{D}/deep/liba.so: file too short"
int a(void);
int x(void) { return a(); }
