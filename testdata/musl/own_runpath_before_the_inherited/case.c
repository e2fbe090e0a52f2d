// The requester's own path is searched before that of whoever needs it.
//#Loader: musl
//#Lib: near/liba.so inline="int a(void) { return 1; }"
//#Lib: far/liba.so inline="int other;"
//#Lib: far/libb.so inline="int a(void); int b(void) { return a(); }" needs=near/liba.so runpath=$ORIGIN/../near
//#Lib: libx.so needs=far/libb.so runpath=$ORIGIN/far
//#Expect: loads
int b(void);
int x(void) { return b(); }
