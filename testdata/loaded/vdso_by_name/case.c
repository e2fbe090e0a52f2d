// The page the kernel provides answers to its name.
//#Lib: stub/vdso.so inline="int unused;" soname=linux-vdso.so.1
//#Lib: libx.so needs=stub/vdso.so
//#Expect: loads
int x(void) { return 1; }
