// What the host has already passed is not looked at again; the next in line is.
//#Lib: host/libhost.so inline="int h(void) { return 1; }"
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }"
//#Lib: libx.so needs=host/libhost.so,libs/liba.so runpath=$ORIGIN/libs
//#Preload: host/libhost.so
//#Expect: fails "{D}/libs/liba.so: undefined symbol: from_a"
int a(void);
int h(void);
int x(void) { return a() + h(); }
