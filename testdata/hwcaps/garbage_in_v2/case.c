// What lies in a sub-directory for the processor is found first, and being garbage ends the load.
//#Requires: cpu:sse4_2 cpu:ssse3 cpu:popcnt cpu:cx16 cpu:lahf_lm
//#Write: libs/glibc-hwcaps/x86-64-v2/liba.so "This is not a library, and it is long enough to be taken for an ELF file."
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/glibc-hwcaps/x86-64-v2/liba.so: invalid ELF header"
//#ExpectIf: glibc<2.33 loads
int a(void);
int x(void) { return a(); }
