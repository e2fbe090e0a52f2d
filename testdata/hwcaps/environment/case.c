// Sub-directories for the processor work in LD_LIBRARY_PATH too.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Lib: libs/glibc-hwcaps/x86-64-v2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/glibc-hwcaps/x86-64-v2/liba.so
//#Env: LD_LIBRARY_PATH={D}/libs
//#Expect: loads
//#ExpectIf: glibc<2.33 fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
