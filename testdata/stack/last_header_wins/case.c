// Of two PT_GNU_STACK the last one counts: here it takes the execute permission back.
//#Lib: libx.so flags=-Wl,-z,execstack
//#Edit: libx.so set phdr:RELRO.type 0x6474e551
//#Edit: libx.so set phdr:STACK#1.flags 6
//#Expect: loads
int *p(void);
int x(void) { return 1; }
void *table[] = {x};
