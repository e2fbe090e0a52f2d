// $PLATFORM, with a directory for each value it has on this architecture.
//#Lib: x86_64/liba.so inline="int a(void) { return 1; }"
//#Lib: haswell/liba.so inline="int a(void) { return 1; }"
//#Lib: xeon_phi/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=x86_64/liba.so runpath=$ORIGIN/$PLATFORM
//#Expect: loads
int a(void);
int x(void) { return a(); }
