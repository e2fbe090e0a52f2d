// DT_RPATH comes before LD_LIBRARY_PATH: the garbage there is never seen.
//#Write: env/liba.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so rpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/env
//#Expect: loads
int a(void);
int x(void) { return a(); }
