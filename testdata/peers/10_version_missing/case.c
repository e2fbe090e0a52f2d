// A version that the found library does not define ends the load, named by provider and requirer.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; local: *; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; local: *; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libv.so: version `V2' not found (required by {D}/libx.so)"
int v(void);
int x(void) { return v(); }
