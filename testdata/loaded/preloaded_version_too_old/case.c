// The host's copy wins over the bundled one, and lacks the version.
//#Lib: host/libv.so inline="int v(void) { return 1; }" map="V1 { global: v; };"
//#Lib: libs/libv.so inline="int v(void) { return 1; }" map="V1 { }; V2 { global: v; };"
//#Lib: libx.so needs=libs/libv.so rpath=$ORIGIN/libs
//#Preload: host/libv.so
//#Expect: fails "{D}/host/libv.so: version `V2' not found (required by {D}/libx.so)"
int v(void);
int x(void) { return v(); }
