// A value that does not fit is complained about on stderr; the library loads.
//#Lib: libx.so flags=-Wl,-z,notext
//#Edit: libx.so set rela:0.type 10
//#Expect: loads
__asm__(".data\n.quad puts\n.quad 0\n");
