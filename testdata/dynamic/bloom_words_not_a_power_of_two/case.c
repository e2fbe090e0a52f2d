// The GNU hash table must have a power of two of filter words.
//#Lib: libx.so
//#Edit: libx.so set gnuhash.bloomsize 3
//#Expect: dies abort
int x(void) { return 1; }
