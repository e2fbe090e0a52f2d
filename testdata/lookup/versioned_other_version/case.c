// Another version is no substitute, though it is the default.
//#Lib: stub/libv.so inline="int o(void) { return 1; } int v(void) { return 1; }" map="V1 { global: v; }; V2 { global: o; };"
//#Lib: libs/libv.so inline="int o(void) { return 1; } int v(void) { return 1; }" map="V1 { global: v; }; V2 { global: o; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set versym:v.value 3
//#Expect: fails "{D}/libx.so: undefined symbol: v, version V1"
int v(void);
int x(void) { return v(); }
