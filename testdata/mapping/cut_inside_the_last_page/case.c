// The rest of a page behind the end of the file reads as zeros: the data is lost and nobody notices.
//#Lib: libx.so
//#Edit: libx.so truncate sym:value+8-phdr:LOAD#3.vaddr+phdr:LOAD#3.offset
//#Expect: loads
int value[64] = {1, 2, 3, 4};
int x(void) { return value[3]; }
