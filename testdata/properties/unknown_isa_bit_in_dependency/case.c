// A dependency is named by its path.
//#Lib: libs/liba.so a.c
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: CPU ISA level is lower than required"
//#ExpectIf: glibc<2.33 loads
int a(void);
int x(void) { return a(); }
