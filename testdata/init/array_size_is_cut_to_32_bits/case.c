// The number of constructors is kept in 32 bits: one is called, and what lies behind the array is not.
//#Lib: libx.so
//#Edit: libx.so set dyn:INIT_ARRAYSZ.value 0x800000008
//#Expect: loads
extern int nobody_has_this __attribute__((weak));
int *behind = &nobody_has_this;
int started;
__attribute__((constructor)) static void start(void) { started = 1; }
