// The main program is known under the empty name.
//#Lib: liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=liba.so
//#Edit: libx.so set dyn:NEEDED.value 0
//#Expect: loads
int x(void) { return 1; }
