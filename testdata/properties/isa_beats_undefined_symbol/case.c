// Properties are checked before anything is relocated, even those of the root before symbols of a dependency.
//#Lib: libs/liba.so inline="int nobody(void); int a(void) { return nobody(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libx.so: CPU ISA level is lower than required"
//#ExpectIf: glibc<2.33 fails "{D}/libs/liba.so: undefined symbol: nobody"
__asm__(".section .note.gnu.property,\"a\",@note\n.balign 8\n.long 4\n.long 16\n.long 5\n.asciz \"GNU\"\n.long 0xc0008002\n.long 4\n.long 0x80000000\n.long 0\n.previous\n");
int a(void);
int x(void) { return a(); }
