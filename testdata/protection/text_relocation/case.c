// With DT_TEXTREL the code is made writable for a moment.
//#Lib: libx.so flags=-Wl,-z,notext
//#Expect: loads
__asm__(".text\n.globl x\n.type x,@function\nx:\n movabs $puts, %rax\n jmp *%rax\n");
