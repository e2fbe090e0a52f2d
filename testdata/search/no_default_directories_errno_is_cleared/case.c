// A file that was opened since then clears errno, so the misses of an earlier search leave no reason behind.
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/libb.so inline="int b(void) { return 1; }" flags="-lm -Wl,-z,nodefaultlib"
//#Lib: stub/libb.so inline="int b(void);" soname=$ORIGIN/libs/libb.so
//#Lib: libx.so needs=l2/liba.so,stub/libb.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "libm.so.6: cannot open shared object file"
int x(void) { return 1; }
