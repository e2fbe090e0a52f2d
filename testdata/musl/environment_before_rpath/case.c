// LD_LIBRARY_PATH comes before every DT_RPATH.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: env/liba.so inline="int other;"
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/env
//#Expect: fails "Error relocating {D}/libx.so: a: symbol not found"
int a(void);
int x(void) { return a(); }
