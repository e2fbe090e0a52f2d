// And so are its symbols.
//#Lib: libs/libt.so inline="int nobody(void); int t(void) { return nobody(); }"
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: fails "{D}/libs/libt.so: undefined symbol: nobody"
int x(void) { return 1; }
