// And so is the tag.
//#Lib: libx.so flags=-Wl,-z,notext
//#Edit: libx.so set dyn:FLAGS.value 0
//#Expect: loads
__asm__(".text\n.globl x\n.type x,@function\nx:\n movabs $puts, %rax\n jmp *%rax\n");
