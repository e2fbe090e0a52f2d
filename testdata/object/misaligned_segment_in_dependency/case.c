// From here on a dependency is named as it was asked for, not by its path.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libs/liba.so set phdr:LOAD#1.vaddr +16
//#Expect: fails "liba.so: ELF load command address/offset not page-aligned"
//#ExpectIf: glibc<2.35 fails "liba.so: ELF load command address/offset not properly aligned"
int a(void);
int x(void) { return a(); }
