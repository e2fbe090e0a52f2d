// A text file of the right name ends the search, although the next directory has a library.
//#Loader: musl
//#Write: one/liba.so "This is not a library, and it is long enough to be taken for an ELF file with a bad header."
//#Lib: two/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=two/liba.so runpath=$ORIGIN/one:$ORIGIN/two
//#Expect: fails "Error loading shared library liba.so: Exec format error (needed by {D}/libx.so)"
int a(void);
int x(void) { return a(); }
