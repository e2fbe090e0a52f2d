// $ORIGIN is the directory of the path that was opened; a symbolic link is not followed for it.
//#Lib: real/liba.so inline="int a(void) { return 1; }"
//#Lib: real/libx.so needs=real/liba.so runpath=$ORIGIN
//#Symlink: link/libx.so ../real/libx.so
//#Root: link/libx.so
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
