// Two names of one file are one object: its second name is not a second chance for a search path.
//#Lib: stub/libc1.so inline="int c(void) { return 1; }"
//#Lib: one/liba.so inline="int c(void); int a(void) { return c(); }" soname=none runpath=$ORIGIN needs=stub/libc1.so
//#Dir: two
//#Hardlink: two/libb.so one/liba.so
//#Copy: stub/libc1.so two/libc1.so
//#Lib: stub/liba.so inline="int a(void);" soname=$ORIGIN/one/liba.so
//#Lib: stub/libb.so inline="int b(void);" soname=$ORIGIN/two/libb.so
//#Lib: libx.so needs=stub/liba.so,stub/libb.so
//#Expect: fails "libc1.so: cannot open shared object file: No such file or directory"
int a(void);
int x(void) { return a(); }
