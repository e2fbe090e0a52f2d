// A dependency's call is bound before the root's data.
//#Lib: libs/liba.so inline="int from_a(void); int a(void) { return from_a(); }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: undefined symbol: from_a"
int a(void);
extern int data;
int x(void) { return a() + data; }
