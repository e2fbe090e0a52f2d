// And so fails from elsewhere.
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=libs
//#Cwd: {D}/libs
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
