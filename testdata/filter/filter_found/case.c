// It is searched like a need, and its symbols resolve those of the filter.
//#Lib: libs/libt.so inline="int t(void) { return 1; }"
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-F,libt.so
//#Expect: loads
int t(void);
int x(void) { return t(); }
