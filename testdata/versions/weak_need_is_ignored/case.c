// A version need marked weak may be missing; a weak symbol of that version is zero then.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libs/libv.so inline="int other(void) { return 1; }" map="V1 { global: other; };"
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Edit: libx.so set vernaux:V2.flags 2
//#Expect: loads
__attribute__((weak)) int v(void);
int x(void) { return v ? v() : 0; }
