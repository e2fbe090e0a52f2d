// A provider without version definitions is accepted by the check, and a plain symbol of an object that has any version table
// satisfies a versioned reference.
//#Lib: stub/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libw.so inline="int w(void) { return 1; }" map="W1 { global: w; };"
//#Lib: libs/libv.so inline="int w(void); int v(void) { return w(); }" needs=libs/libw.so runpath=$ORIGIN
//#Lib: libx.so needs=stub/libv.so runpath=$ORIGIN/libs
//#Expect: loads
int v(void);
int x(void) { return v(); }
