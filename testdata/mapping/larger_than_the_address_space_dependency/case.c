// Said of the name that was asked for.
//#Lib: libs/liba.so inline="int value = 1; int a(void) { return value; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set phdr:LOAD#3.memsz 0x800000000000
//#Expect: fails "liba.so: failed to map segment from shared object"
int a(void);
int x(void) { return a(); }
