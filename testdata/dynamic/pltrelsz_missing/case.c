// PLT relocations of unknown size.
//#Lib: libx.so
//#Edit: libx.so del PLTRELSZ
//#Expect: dies SIGSEGV
int y(void) { return 1; }
int x(void) { return y(); }
