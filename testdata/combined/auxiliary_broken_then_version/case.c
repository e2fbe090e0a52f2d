// A broken auxiliary object is forgiven, the missing version after it is not.
//#Write: libs/libt.so ""
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: fails "{D}/libs/libv.so: version `V2' not found (required by {D}/libx.so)"
int v(void);
int x(void) { return v(); }
