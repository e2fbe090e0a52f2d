// A missing library anywhere is said before a missing version anywhere.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libs/liba.so inline="int a(void) { return 1; }" needs=stub/libgone.so
//#Lib: libx.so needs=stub/libv.so,libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "libgone.so: cannot open shared object file: No such file or directory"
int v(void);
int x(void) { return v(); }
