// A library reached by a path takes the soname that another one needs, and lacks the version that one needs: its own search
// path, which has the right file, is not used.
//#Lib: old/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: stub/libold.so inline="int unused;" soname=$ORIGIN/old/libv.so
//#Lib: new/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/liba.so inline="int v(void); int a(void) { return v(); }" needs=new/libv.so rpath=$ORIGIN/../new
//#Lib: libx.so needs=stub/libold.so,libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/old/libv.so: version `V2' not found (required by {D}/libs/liba.so)"
int a(void);
int x(void) { return a(); }
