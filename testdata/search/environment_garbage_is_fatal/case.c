// A hard error in LD_LIBRARY_PATH, although DT_RUNPATH has a good file.
//#Write: env/liba.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Env: LD_LIBRARY_PATH={D}/nowhere:{D}/env
//#Expect: fails "{D}/env/liba.so: invalid ELF header"
int a(void);
int x(void) { return a(); }
