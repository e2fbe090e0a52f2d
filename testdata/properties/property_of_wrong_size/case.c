// A property whose size is not that of its value makes the note ignored.
//#Lib: libx.so
//#Edit: libx.so fill phdr:NOTE.offset+20 1 8
//#Expect: loads
__asm__(".section .note.gnu.property,\"a\",@note\n.balign 8\n.long 4\n.long 16\n.long 5\n.asciz \"GNU\"\n.long 0xc0008002\n.long 4\n.long 0x80000000\n.long 0\n.previous\n");
int x(void) { return 1; }
