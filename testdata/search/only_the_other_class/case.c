// If nothing better was found, the other class is the reason given, for the name that was asked for.
//#Lib: l1/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l1/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Edit: l1/liba.so set ident.4 1
//#Expect: fails "liba.so: wrong ELF class: ELFCLASS32"
int a(void);
int x(void) { return a(); }
