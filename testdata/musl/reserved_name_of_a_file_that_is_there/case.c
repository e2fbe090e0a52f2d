// A library called libm.so beside the requester is never looked at.
//#Loader: musl
//#Write: libs/libm.so "no library at all"
//#Lib: stub/libm.so inline="int m;"
//#Lib: libx.so needs=stub/libm.so runpath=$ORIGIN/libs
//#Expect: loads
int x(void) { return 1; }
