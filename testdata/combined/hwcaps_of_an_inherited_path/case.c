// Sub-directories for the processor are searched below an inherited DT_RPATH too, and what is found there has its own origin.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Lib: deep/glibc-hwcaps/x86-64-v2/libc1.so inline="int c(void) { return 1; }"
//#Lib: deep/glibc-hwcaps/x86-64-v2/libb.so inline="int c(void); int b(void) { return c(); }" needs=deep/glibc-hwcaps/x86-64-v2/libc1.so runpath=$ORIGIN
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=deep/glibc-hwcaps/x86-64-v2/libb.so
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs:$ORIGIN/deep
//#Expect: loads
//#ExpectIf: glibc<2.33 fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
