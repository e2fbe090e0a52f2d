// A long branch named first and a short one named last: the short one is relocated first.
//#Lib: libs/libl3.so inline="int from_l3(void); int l3(void) { return from_l3(); }"
//#Lib: libs/libl2.so inline="int l3(void); int l2(void) { return l3(); }" needs=libs/libl3.so runpath=$ORIGIN
//#Lib: libs/libl1.so inline="int l2(void); int l1(void) { return l2(); }" needs=libs/libl2.so runpath=$ORIGIN
//#Lib: libs/libs1.so inline="int from_s(void); int s(void) { return from_s(); }"
//#Lib: libx.so needs=libs/libl1.so,libs/libs1.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libl3.so: undefined symbol: from_l3"
int l1(void);
int s(void);
int x(void) { return l1() + s(); }
