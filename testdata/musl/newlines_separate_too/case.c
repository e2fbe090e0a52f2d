// A newline separates elements as a colon does.
//#Loader: musl
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath="/nowhere\n$ORIGIN/libs"
//#Expect: loads
int a(void);
int x(void) { return a(); }
