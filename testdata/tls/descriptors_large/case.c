// So may TLS by descriptors: they use the reserve only if there is room.
//#Lib: libx.so flags=-mtls-dialect=gnu2
//#Expect: loads
__thread char block[1 << 20];
char *x(void) { return block; }
