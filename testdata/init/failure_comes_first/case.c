// No constructor runs before everything is relocated.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Edit: libs/liba.so add INIT 0x70000000
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
int a(void);
int nobody(void);
int x(void) { return a() + nobody(); }
