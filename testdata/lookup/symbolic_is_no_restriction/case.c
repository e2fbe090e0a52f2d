// DT_SYMBOLIC looks at home first, and everywhere else afterwards.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Edit: libx.so add SYMBOLIC 0
//#Expect: loads
int a(void);
int x(void) { return a(); }
