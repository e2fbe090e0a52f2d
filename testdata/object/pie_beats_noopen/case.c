// Two reasons to refuse in one file.
//#Lib: libx.so link=pie soname=none flags=-Wl,-z,nodlopen
//#Expect: fails "{D}/libx.so: cannot dynamically load position-independent executable"
//#ExpectIf: glibc<2.30 fails "{D}/libx.so: shared object cannot be dlopen()ed"
int main(void) { return 0; }
