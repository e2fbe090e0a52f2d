// A file for another machine leaves no trace in the message.
//#Lib: l1/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l1/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Edit: l1/liba.so set ehdr.machine 40
//#Expect: fails "liba.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
