// A level nobody knows is not searched.
//#Lib: libs/glibc-hwcaps/x86-64-v9/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/glibc-hwcaps/x86-64-v9/liba.so runpath=$ORIGIN/libs
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
