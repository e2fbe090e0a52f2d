// The mark is honoured in dependencies too.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Lib: libs/liba.so inline="int main(void) { return 0; }" link=pie soname=none
//#Expect: fails "liba.so: cannot dynamically load position-independent executable"
//#ExpectIf: glibc<2.30 fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
