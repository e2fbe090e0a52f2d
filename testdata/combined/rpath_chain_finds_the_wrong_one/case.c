// The chain of DT_RPATH reaches a library of that name before the environment does: its symbol is missing.
//#Lib: stub/libz9.so inline="int z(void) { return 1; }"
//#Lib: deep/libz9.so inline="int other(void) { return 1; }"
//#Lib: env/libz9.so inline="int z(void) { return 1; }"
//#Lib: libs/liba.so inline="int z(void); int a(void) { return z(); }" needs=stub/libz9.so
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs:$ORIGIN/deep
//#Env: LD_LIBRARY_PATH={D}/env
//#Expect: fails "{D}/libs/liba.so: undefined symbol: z"
int a(void);
int x(void) { return a(); }
