// The need of a version alone does not, if no symbol of it is looked up.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set jmprel:0.type 8
//#Expect: loads
int v(void);
int x(void) { return v(); }
