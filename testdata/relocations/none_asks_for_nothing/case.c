// R_X86_64_NONE against a symbol that nobody defines.
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 0
//#Expect: loads
extern int nobody;
int *x(void) { return &nobody; }
