// Without braces whatever is not part of a word ends it.
//#Lib: r-x/liba.so inline="int a(void) { return 1; }"
//#Lib: r/libx.so needs=r-x/liba.so runpath=$ORIGIN-x
//#Root: r/libx.so
//#Expect: loads
//#ExpectIf: glibc<2.28 fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
