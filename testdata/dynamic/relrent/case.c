// The size of a word of compressed relative relocations.
//#Lib: libx.so flags=-Wl,-z,pack-relative-relocs
//#Edit: libx.so set dyn:RELRENT.value 4
//#Expect: dies abort
//#ExpectIf: glibc<2.36 loads
static int value = 1;
int *table[] = {&value, &value};
