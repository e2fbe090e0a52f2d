// The sub-directory tls of old, searched first up to 2.36.
//#Write: libs/tls/liba.so "short"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/tls/liba.so: file too short"
//#ExpectIf: glibc>=2.37 loads
int a(void);
int x(void) { return a(); }
