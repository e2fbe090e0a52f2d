// A file that defines __libc_start_main and stdin is taken for a libc, and musl stands in for it.
//#Loader: musl
//#Lib: libx.so
//#Expect: loads
int __libc_start_main(void) { return 1; }
void *stdin = &stdin;
int gone(void);
int x(void) { return gone(); }
