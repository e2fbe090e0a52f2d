// Standing first, the auxiliary object's definition wins over the filter's own: an IFUNC whose resolver is not code.
//#Lib: libs/libt.so inline="int v(void) { return 1; }"
//#Edit: libs/libt.so set sym:v.info 0x1a
//#Edit: libs/libt.so set sym:v.value 0
//#Edit: libs/libt.so set sym:v.shndx 0xfff1
//#Lib: libx.so runpath=$ORIGIN/libs flags=-Wl,-f,libt.so
//#Expect: dies SIGSEGV
int v(void) { return 2; }
int x(void) { return v(); }
