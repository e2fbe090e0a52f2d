// This architecture's PLT relocations must be RELA.
//#Lib: libx.so
//#Edit: libx.so set dyn:PLTREL.value 17
//#Expect: dies abort
int y(void) { return 1; }
int x(void) { return y(); }
