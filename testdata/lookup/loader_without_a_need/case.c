// So is the loader itself.
//#Lib: libx.so
//#Expect: loads
void *__tls_get_addr(void *);
void *x(void) { return __tls_get_addr(0); }
