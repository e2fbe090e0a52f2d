// The version exists, so the version check passes; the symbol is not in that version.
//#Lib: stub/libw.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V1 { global: v; }; V2 { global: w; local: *; };"
//#Lib: libs/libw.so inline="int v(void) { return 1; } int w(void) { return 1; }" map="V1 { global: w; }; V2 { global: v; local: *; };"
//#Lib: libx.so needs=stub/libw.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libx.so: undefined symbol: w, version V2"
int w(void);
int x(void) { return w(); }
