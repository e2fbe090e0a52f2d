// A DT_RUNPATH of its own cuts that chain, and the environment's library is the right one.
//#Lib: stub/libz9.so inline="int z(void) { return 1; }"
//#Lib: deep/libz9.so inline="int other(void) { return 1; }"
//#Lib: env/libz9.so inline="int z(void) { return 1; }"
//#Lib: libs/liba.so inline="int z(void); int a(void) { return z(); }" needs=stub/libz9.so runpath=$ORIGIN/../deep
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs:$ORIGIN/deep
//#Env: LD_LIBRARY_PATH={D}/env
//#Expect: loads
int a(void);
int x(void) { return a(); }
