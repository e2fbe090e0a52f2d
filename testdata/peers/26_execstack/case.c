// An object that asks for an executable stack: granted up to 2.40, refused later.
//#Lib: libx.so flags=-Wl,-z,execstack
//#Expect: loads
//#ExpectIf: glibc>=2.41 fails "{D}/libx.so: cannot enable executable stack as shared object requires: Invalid argument"
int x(void) { return 1; }
