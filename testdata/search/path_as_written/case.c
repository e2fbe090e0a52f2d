// The name of a found object is the path as it was put together: only trailing slashes are collapsed.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/./libs/..//libs///
//#Expect: fails "{D}/./libs/..//libs/libv.so: version `V2' not found (required by {D}/libx.so)"
int v(void);
int x(void) { return v(); }
