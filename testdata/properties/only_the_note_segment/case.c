// Up to 2.38 the note is found through PT_NOTE; later PT_GNU_PROPERTY is looked at first, and PT_NOTE is enough.
//#Lib: libx.so
//#Edit: libx.so set phdr:PROPERTY.type 0
//#Expect: fails "{D}/libx.so: CPU ISA level is lower than required"
//#ExpectIf: glibc<2.33 loads
__asm__(".section .note.gnu.property,\"a\",@note\n.balign 8\n.long 4\n.long 16\n.long 5\n.asciz \"GNU\"\n.long 0xc0008002\n.long 4\n.long 0x80000000\n.long 0\n.previous\n");
int x(void) { return 1; }
