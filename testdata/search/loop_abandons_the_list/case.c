// An odd error in an existing directory ends the whole list, so the good directory behind it is not tried.
//#Symlink: loop/liba.so liba.so
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/loop:$ORIGIN/libs
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
