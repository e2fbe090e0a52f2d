// The old hash table does as well.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }" flags=-Wl,--hash-style=sysv
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs flags=-Wl,--hash-style=sysv
//#Expect: loads
int a(void);
int x(void) { return a(); }
