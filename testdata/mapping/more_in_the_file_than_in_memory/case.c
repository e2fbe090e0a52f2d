// p_filesz larger than p_memsz is not checked.
//#Lib: libx.so
//#Edit: libx.so set phdr:LOAD#1.memsz 1
//#Expect: loads
int x(void) { return 1; }
