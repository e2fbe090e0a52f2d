// The highest level of the processor comes first.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Write: libs/glibc-hwcaps/x86-64-v3/liba.so "short"
//#Lib: libs/glibc-hwcaps/x86-64-v2/liba.so inline="int a(void) { return 2; }"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/glibc-hwcaps/x86-64-v3/liba.so: file too short"
//#ExpectIf: glibc<2.33 loads
//#ExpectIf: lacks:avx2 loads
//#ExpectIf: lacks:fma loads
//#ExpectIf: lacks:movbe loads
//#ExpectIf: lacks:abm loads
//#ExpectIf: lacks:f16c loads
int a(void);
int x(void) { return a(); }
