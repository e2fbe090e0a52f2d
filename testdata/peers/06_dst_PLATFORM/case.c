// $PLATFORM is the kernel's word for the processor, which is never "x86-64" with a hyphen.
//#Lib: plat/x86-64/libp.so inline="int p(void) { return 1; }"
//#Lib: libx.so needs=plat/x86-64/libp.so runpath=$ORIGIN/plat/$PLATFORM
//#Expect: fails "libp.so: cannot open shared object file: No such file or directory"
int p(void);
int x(void) { return p(); }
