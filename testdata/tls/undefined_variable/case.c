// A thread variable that nobody defines is an undefined symbol like any other.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: undefined symbol: nobody"
extern __thread int nobody;
int x(void) { return nobody; }
