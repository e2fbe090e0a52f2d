// Tokens are replaced in LD_LIBRARY_PATH too.
//#Lib: lib/x86_64-linux-gnu/liba.so inline="int a(void) { return 1; }"
//#Lib: lib64/liba.so inline="int a(void) { return 1; }"
//#Lib: lib/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=lib/liba.so
//#Env: LD_LIBRARY_PATH={D}/${LIB}
//#Expect: loads
int a(void);
int x(void) { return a(); }
