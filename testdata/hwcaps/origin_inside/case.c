// The sub-directory becomes the origin of what is found there, so a sibling left outside is missed.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/glibc-hwcaps/x86-64-v2/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so runpath=$ORIGIN
//#Lib: libx.so needs=libs/glibc-hwcaps/x86-64-v2/liba.so runpath=$ORIGIN/libs
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
//#ExpectIf: glibc<2.33 fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
