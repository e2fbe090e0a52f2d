// The sub-directory of the platform of old; only there the library is found.
//#Lib: libs/x86_64/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/haswell/x86_64/liba.so inline="int a(void) { return 1; }"
//#Lib: libs/xeon_phi/x86_64/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/x86_64/liba.so runpath=$ORIGIN/libs
//#Expect: loads
//#ExpectIf: glibc>=2.37 fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
