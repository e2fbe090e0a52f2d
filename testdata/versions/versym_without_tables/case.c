// Version indices without any table they could point into.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so del VERNEED
//#Expect: dies SIGSEGV
int v(void);
int x(void) { return v(); }
