// Weakness is a property of each reference.
//#Lib: libs/liba.so inline="int nobody(void); int a(void) { return nobody(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: nobody"
int a(void);
__attribute__((weak)) int nobody(void);
int x(void) { return a() + (nobody ? nobody() : 0); }
