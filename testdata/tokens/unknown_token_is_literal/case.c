// What is not a token is a directory name like any other.
//#Lib: $FOO/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=$FOO/liba.so runpath=$ORIGIN/$FOO
//#Expect: loads
int a(void);
int x(void) { return a(); }
