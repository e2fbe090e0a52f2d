// And a symbol of the base version of an object that has versions.
//#Lib: stub/libv.so inline="int o(void) { return 1; } int v(void) { return 1; }" map="V1 { global: v; }; V2 { global: o; };"
//#Lib: libs/libv.so inline="int o(void) { return 1; } int v(void) { return 1; }" map="V1 { global: v; }; V2 { global: o; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set versym:v.value 1
//#Expect: loads
int v(void);
int x(void) { return v(); }
