// An object with both has only DT_RUNPATH.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=/nowhere soname=$ORIGIN/libs
//#Edit: libx.so add RPATH str:$ORIGIN/libs
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
