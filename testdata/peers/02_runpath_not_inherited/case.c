// DT_RUNPATH serves only the object that has it.
//#Lib: libs/libb.so inline="int b(void) { return 1; }"
//#Lib: libs/liba.so inline="int b(void); int a(void) { return b(); }" needs=libs/libb.so
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
