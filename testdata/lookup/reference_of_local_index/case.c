// A reference whose index is 0 has no version, whatever the tables say.
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libx.so needs=libs/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set versym:v.value 0
//#Edit: libs/libv.so set versym:v.value 0x8002
//#Expect: loads
int v(void);
int x(void) { return v(); }
