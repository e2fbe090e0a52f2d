// What is wrong with the header of a dependency is said of the path that was opened.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set ident.7 9
//#Expect: fails "{D}/libs/liba.so: ELF file OS ABI invalid"
int a(void);
int x(void) { return a(); }
