// A dependency that asks for an executable stack is named as it was asked for.
//#Lib: libs/liba.so inline="int a(void) { return 1; }" flags=-Wl,-z,execstack
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
//#ExpectIf: glibc>=2.41 fails "liba.so: cannot enable executable stack as shared object requires: Invalid argument"
int a(void);
int x(void) { return a(); }
