// A hash table without buckets is as good as none.
//#Lib: libx.so
//#Edit: libx.so set gnuhash.nbuckets 0
//#Expect: fails "{D}/libx.so: undefined symbol: value"
int value = 1;
int *x(void) { return &value; }
