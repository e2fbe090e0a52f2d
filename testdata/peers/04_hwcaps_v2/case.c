// glibc-hwcaps/x86-64-v2 below a search directory is searched on every processor of that level.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Lib: libs/glibc-hwcaps/x86-64-v2/liba.so inline="int a(void) { return 2; }"
//#Lib: libx.so needs=libs/glibc-hwcaps/x86-64-v2/liba.so runpath=$ORIGIN/libs
//#Expect: loads
//#ExpectIf: glibc<2.33 fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
