// DT_VERNEEDNUM and DT_VERDEFNUM are not used.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set dyn:VERNEEDNUM.value 0
//#Edit: libs/libv.so set dyn:VERDEFNUM.value 99
//#Expect: loads
int v(void);
int x(void) { return v(); }
