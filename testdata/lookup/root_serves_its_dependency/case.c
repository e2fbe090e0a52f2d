// A dependency may use what the root defines.
//#Lib: libs/liba.so inline="int x(void); int a(void) { return x(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return 1; }
