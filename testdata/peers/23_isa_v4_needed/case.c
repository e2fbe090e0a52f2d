// A library that says it needs x86-64-v4 loads where the processor has it.
//#Lib: libx.so flags=-Wl,-z,x86-64-v4
//#Expect: loads
//#ExpectIf: lacks:avx512vl fails "{D}/libx.so: CPU ISA level is lower than required"
//#ExpectIf: glibc<2.33 loads
int x(void) { return 1; }
