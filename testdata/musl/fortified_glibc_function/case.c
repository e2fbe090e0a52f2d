// What glibc adds for _FORTIFY_SOURCE is not in musl.
//#Loader: musl
//#Lib: libx.so libc
//#Expect: fails "Error relocating {D}/libx.so: __printf_chk: symbol not found"
int __printf_chk(int, const char *, ...);
int x(void) { return __printf_chk(1, "x"); }
