// PT_GNU_PROPERTY alone is not looked at up to 2.38.
//#Lib: libx.so
//#Edit: libx.so set phdr:NOTE.type 0
//#Expect: loads
//#ExpectIf: glibc>=2.39 fails "{D}/libx.so: CPU ISA level is lower than required"
__asm__(".section .note.gnu.property,\"a\",@note\n.balign 8\n.long 4\n.long 16\n.long 5\n.asciz \"GNU\"\n.long 0xc0008002\n.long 4\n.long 0x80000000\n.long 0\n.previous\n");
int x(void) { return 1; }
