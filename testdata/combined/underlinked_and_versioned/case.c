// A library that forgot its need has no version in its references, so it takes whatever version its sibling brought.
//#Lib: libs/libv.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V1 { global: w; }; V2 { global: v; };"
//#Lib: libs/liba.so inline="int v(void); int a(void) { return v(); }"
//#Lib: libx.so needs=libs/liba.so,libs/libv.so runpath=$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
