// An unversioned reference accepts the first version of the provider.
//#Lib: stub/libv.so inline="int v(void) { return 1; }"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: loads
int v(void);
int x(void) { return v(); }
