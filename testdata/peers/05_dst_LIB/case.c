// $LIB is a constant of the loader's build; all spellings in use are present.
//#Lib: p/lib/x86_64-linux-gnu/liba.so inline="int a(void) { return 1; }"
//#Lib: p/lib64/liba.so inline="int a(void) { return 1; }"
//#Lib: p/lib/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=p/lib64/liba.so runpath=$ORIGIN/p/$LIB
//#Expect: loads
int a(void);
int x(void) { return a(); }
