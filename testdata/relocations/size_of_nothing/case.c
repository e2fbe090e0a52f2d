// The size of a weak symbol that nobody defines is read from nowhere.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 33
//#Expect: dies SIGSEGV
extern int nobody __attribute__((weak));
int *x(void) { return &nobody; }
