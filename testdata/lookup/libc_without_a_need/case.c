// The C library is in the global scope, so nobody has to need it.
//#Lib: libx.so
//#Expect: loads
int puts(const char *);
int x(void) { return puts("x"); }
