// With DF_1_NODEFLIB the reason is the last errno: here a search in vain left one.
//#Lib: libx.so runpath=$ORIGIN flags="-lm -Wl,-z,nodefaultlib"
//#Expect: fails "libm.so.6: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
