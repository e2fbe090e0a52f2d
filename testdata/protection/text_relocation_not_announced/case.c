// Without it the loader writes to read-only memory.
//#Lib: libx.so flags=-Wl,-z,notext
//#Edit: libx.so set dyn:TEXTREL.tag 0x6000dead
//#Edit: libx.so set dyn:FLAGS.value 0
//#Expect: dies SIGSEGV
__asm__(".text\n.globl x\n.type x,@function\nx:\n movabs $puts, %rax\n jmp *%rax\n");
