// Dependencies are relocated before what needs them, so the undefined symbol of the dependency is named.
//#Lib: libs/libm1.so inline="int deep(void); int m1(void) { return deep(); }"
//#Lib: libx.so needs=libs/libm1.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libm1.so: undefined symbol: deep"
int m1(void);
int shallow(void);
int x(void) { return m1() + shallow(); }
