// The name of a dependency lies outside the string table, outside every segment.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libx.so set dyn:NEEDED.value 0x70000000
//#Expect: dies SIGSEGV
int a(void);
int x(void) { return a(); }
