// liba does not name libb as needed, so libb is relocated after it, and its resolver runs on unrelocated memory.
//#Lib: libs/libc1.so inline="int c(void) { return 1; }"
//#Lib: libs/libb.so b.c needs=libs/libc1.so
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }"
//#Lib: libx.so needs=libs/libb.so,libs/liba.so rpath=$ORIGIN/libs
//#Expect: dies SIGSEGV
int a(void);
int x(void) { return a(); }
