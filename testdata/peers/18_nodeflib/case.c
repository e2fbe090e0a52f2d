// DF_1_NODEFLIB: neither the default directories nor what the cache knows of them. Nothing was tried at all, so the message has
// no reason: it is made from errno, which nobody set.
//#Lib: libx.so flags="-lm -Wl,-z,nodefaultlib"
//#Expect: fails "libm.so.6: cannot open shared object file"
int x(void) { return 1; }
