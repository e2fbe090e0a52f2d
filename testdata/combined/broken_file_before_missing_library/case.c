// On the way through the needs the first trouble ends it, whatever its kind.
//#Write: libs/liba.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: stub/liba.so inline="int a(void);"
//#Lib: stub/libgone.so inline="int gone(void);"
//#Lib: libx.so needs=stub/liba.so,stub/libgone.so runpath=$ORIGIN/libs
//#Expect: fails "{D}/libs/liba.so: invalid ELF header"
int x(void) { return 1; }
