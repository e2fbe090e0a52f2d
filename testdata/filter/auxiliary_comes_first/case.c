// The auxiliary object stands before the filter in the scope: its definition, a hidden one here, is passed over, and the
// filter's own is used.
//#Lib: libs/libt.so inline="int v(void) { return 1; }"
//#Edit: libs/libt.so set sym:v.other 2
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: loads
int v(void) { return 2; }
int x(void) { return v(); }
