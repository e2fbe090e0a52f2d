// One empty PT_DYNAMIC beside a good one.
//#Lib: libx.so
//#Edit: libx.so set phdr:STACK.type 2
//#Expect: fails "{D}/libx.so: object file has no dynamic section"
//#ExpectIf: glibc<2.35 dies SIGSEGV
int x(void) { return 1; }
