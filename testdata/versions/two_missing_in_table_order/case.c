// The first missing version in the order of the table is named.
//#Lib: stub/libv.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V1 { global: v; }; V2 { global: w; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V0 { global: v; w; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/libv.so: version `V1' not found (required by {D}/libx.so)"
int v(void);
int w(void);
int x(void) { return w() + v(); }
