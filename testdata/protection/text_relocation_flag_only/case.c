// The flag alone is enough.
//#Lib: libx.so flags=-Wl,-z,notext
//#Edit: libx.so set dyn:TEXTREL.tag 0x6000dead
//#Expect: loads
__asm__(".text\n.globl x\n.type x,@function\nx:\n movabs $puts, %rax\n jmp *%rax\n");
