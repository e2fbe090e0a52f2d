// LD_LIBRARY_PATH comes before DT_RUNPATH: the wrong one is found first.
//#Lib: env/liba.so inline="int other(void) { return 1; }"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/env
//#Expect: fails "{D}/libx.so: undefined symbol: a"
int a(void);
int x(void) { return a(); }
