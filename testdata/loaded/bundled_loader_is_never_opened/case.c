// Nor does a bundled dynamic loader.
//#Lib: stub/ld.so inline="int unused;" soname=ld-linux-x86-64.so.2
//#Write: libs/ld-linux-x86-64.so.2 "garbage"
//#Lib: libx.so needs=stub/ld.so rpath=$ORIGIN/libs
//#Expect: loads
int x(void) { return 1; }
