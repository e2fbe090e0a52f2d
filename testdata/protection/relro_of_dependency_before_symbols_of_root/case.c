// And before the relocations of the next object.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Edit: libs/liba.so set phdr:RELRO.vaddr 0x70000000
//#Edit: libs/liba.so set phdr:RELRO.memsz 0x2000
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: cannot apply additional memory protection after relocation: Cannot allocate memory"
int a(void);
int nobody(void);
int x(void) { return a() + nobody(); }
