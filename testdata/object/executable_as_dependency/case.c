// The same, needed by a library.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Lib: libs/liba.so inline="int main(void) { return 0; }" link=exe soname=none
//#Expect: fails "liba.so: cannot dynamically load executable"
int a(void);
int x(void) { return a(); }
