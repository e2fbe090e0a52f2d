// A definition that exists only under a hidden version is not found.
//#Loader: musl
//#Lib: stub/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/liba.so inline="__asm__(\".symver old_a,a@V1\"); int old_a(void) { return 1; }" map="V1 { a; };"
//#Lib: libx.so needs=stub/liba.so runpath=$ORIGIN/libs
//#Expect: fails "Error relocating {D}/libx.so: a: symbol not found"
int a(void);
int x(void) { return a(); }
