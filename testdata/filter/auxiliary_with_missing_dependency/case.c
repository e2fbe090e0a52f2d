// But once it is there, its own needs are as serious as any.
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libs/libt.so inline="int t(void) { return 1; }" needs=stub/libgone.so
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: fails "libgone.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
