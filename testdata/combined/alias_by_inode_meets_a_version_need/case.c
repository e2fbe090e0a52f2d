// Two needs lead to one file; the version need of the second name is met because the name became an alias.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Symlink: libs/libv.so.1 libv.so
//#Lib: stub/libv1.so inline="int v(void) { return 1; }" map="V1 { global: v; };" soname=libv.so.1
//#Lib: stub/plain.so inline="int unused;" soname=libv.so
//#Lib: libx.so needs=stub/plain.so,stub/libv1.so runpath=$ORIGIN/libs
//#Expect: loads
int v(void);
int x(void) { return v(); }
