// A missing version of the root is said before a symbol that its deepest dependency lacks.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/liba.so inline="int nobody(void); int a(void) { return nobody(); }"
//#Lib: libx.so needs=libs/liba.so,stub/libv.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libv.so: version `V2' not found (required by {D}/libx.so)"
int a(void);
int v(void);
int x(void) { return a() + v(); }
