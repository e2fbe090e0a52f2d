// With the needs of the root exchanged the outcome is the same: all its needs come before those of its dependencies.
//#Lib: old/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: stub/libold.so inline="int unused;" soname=$ORIGIN/old/libv.so
//#Lib: new/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/liba.so inline="int v(void); int a(void) { return v(); }" needs=new/libv.so rpath=$ORIGIN/../new
//#Lib: libx.so needs=libs/liba.so,stub/libold.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/old/libv.so: version `V2' not found (required by {D}/libs/liba.so)"
int a(void);
int x(void) { return a(); }
