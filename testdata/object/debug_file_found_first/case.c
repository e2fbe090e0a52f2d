// Such a file in a search directory ends the load, although the real one follows.
//#Lib: libs/liba.so inline="int a(void) { return 1; }" flags=-g
//#Copy: libs/liba.so debug/liba.so
//#Run: objcopy --only-keep-debug {D}/debug/liba.so
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/debug:$ORIGIN/libs
//#Expect: fails "liba.so: object file has no dynamic section"
int a(void);
int x(void) { return a(); }
