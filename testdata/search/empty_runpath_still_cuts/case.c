// An empty DT_RUNPATH has no directory, but its presence still cuts the object off from the DT_RPATH of its loader.
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so runpath=/nowhere
//#Edit: libs/liba.so string /nowhere ""
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
