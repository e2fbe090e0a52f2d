// A file that is not ELF at all ends the search, although a good one follows.
//#Write: l1/liba.so "/* GNU ld script, as development packages install beside real libraries, long enough to be read */ GROUP ( liba.so.1 )\n"
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "{D}/l1/liba.so: invalid ELF header"
int a(void);
int x(void) { return a(); }
