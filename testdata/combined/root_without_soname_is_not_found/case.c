// Without a soname the root cannot be found by the name of its file: the sibling's need fails.
//#Lib: stub/libx.so inline="int x(void);"
//#Lib: libs/liba.so inline="int x(void); int a(void) { return x != 0; }" needs=stub/libx.so
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs soname=none
//#Expect: fails "libx.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
