// The sorted list is walked from its end: the dependency is named.
//#Lib: libs/liba.so
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: CPU ISA level is lower than required"
//#ExpectIf: glibc<2.33 loads
__asm__(".section .note.gnu.property,\"a\",@note\n.balign 8\n.long 4\n.long 16\n.long 5\n.asciz \"GNU\"\n.long 0xc0008002\n.long 4\n.long 0x80000000\n.long 0\n.previous\n");
int here(void) { return 1; }
