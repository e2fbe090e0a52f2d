// Both are undefined; data relocations are processed before those of the PLT.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: undefined symbol: later"
extern int later;
int called(void);
int x(void) { return called() + later; }
