// Without PT_GNU_STACK this architecture assumes an executable stack.
//#Lib: libx.so
//#Edit: libx.so set phdr:STACK.type 0
//#Expect: loads
//#ExpectIf: glibc>=2.41 fails "{D}/libx.so: cannot enable executable stack as shared object requires: Invalid argument"
int x(void) { return 1; }
