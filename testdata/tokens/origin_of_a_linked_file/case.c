// A linked file takes the directory of the link, where its sibling is missing.
//#Lib: real/libb.so inline="int b(void) { return 1; }"
//#Lib: real/liba.so inline="int b(void); int a(void) { return b(); }" runpath=$ORIGIN needs=real/libb.so
//#Symlink: links/liba.so ../real/liba.so
//#Lib: libx.so needs=real/liba.so runpath=$ORIGIN/links
//#Expect: fails "libb.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
