// A copy relocation has no business in a library, and is done all the same.
//#Lib: libs/liba.so inline="long value = 1;"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libx.so set rela:0.type 5
//#Expect: loads
extern long value;
long *x(void) { return &value; }
