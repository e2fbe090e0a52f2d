// A linked directory is an origin of its own.
//#Lib: real/other/libb.so inline="int b(void) { return 1; }"
//#Lib: real/libs/liba.so inline="int b(void); int a(void) { return b(); }" runpath=$ORIGIN/../other needs=real/other/libb.so
//#Symlink: links/libs ../real/libs
//#Lib: libx.so needs=real/libs/liba.so runpath=$ORIGIN/links/libs
//#Expect: loads
int a(void);
int x(void) { return a(); }
