// A constructor slot takes what its symbol is bound to; a weak one that nothing defines leaves null there.
//#Lib: libx.so
//#Expect: dies SIGSEGV
void gone(void) __attribute__((weak));
void (*slot[])(void) __attribute__((section(".init_array"), used)) = {gone};
