// Any definition of the name satisfies a versioned reference.
//#Loader: musl
//#Lib: stub/liba.so inline="int a(void) { return 1; }" map="V2 { a; };"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" map="V1 { a; };"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
