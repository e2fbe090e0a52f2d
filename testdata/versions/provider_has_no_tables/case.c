// Without any version table the provider trips an assertion of the symbol look-up, up to 2.40.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: dies abort
//#ExpectIf: glibc>=2.41 loads
int v(void);
int x(void) { return v(); }
