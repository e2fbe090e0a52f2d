// One level deeper the order of breadth decides: the path is followed only after the soname was needed.
//#Lib: old/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: stub/libold.so inline="int unused;" soname=$ORIGIN/../old/libv.so
//#Lib: new/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/liba.so inline="int v(void); int a(void) { return v(); }" needs=new/libv.so rpath=$ORIGIN/../new
//#Lib: libs/libb.so inline="int b(void) { return 1; }" needs=stub/libold.so
//#Lib: libx.so needs=libs/liba.so,libs/libb.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
