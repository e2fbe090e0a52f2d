// A weak reference that nothing defines is zero.
//#Lib: libx.so
//#Expect: loads
__attribute__((weak)) int nobody(void);
int x(void) { return nobody ? nobody() : 0; }
