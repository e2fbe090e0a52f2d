// A search directory that is a plain file is passed over.
//#Write: plain "a file, not a directory"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/plain:$ORIGIN/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
