// An object with a DT_RUNPATH of its own, even a useless one, does not see the DT_RPATH of what needs it.
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so runpath=/nowhere
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
