// Of two later versions neither is taken, if both claim to be the default.
//#Lib: stub/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/libv.so two.c map="V1 { global: o; }; V2 { global: v; }; V3 { };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libs/libv.so set versym:v#0.value 3
//#Edit: libs/libv.so set versym:v#1.value 4
//#Expect: fails "{D}/libx.so: undefined symbol: v"
int v(void);
int x(void) { return v(); }
