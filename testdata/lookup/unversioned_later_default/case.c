// Of later versions it accepts the only default.
//#Lib: stub/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/libv.so inline="int o(void) { return 1; } int v(void) { return 1; }" map="V1 { global: o; }; V2 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: loads
int v(void);
int x(void) { return v(); }
