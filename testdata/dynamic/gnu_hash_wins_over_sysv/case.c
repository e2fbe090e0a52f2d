// Of two hash tables only the GNU one is used: the broken old one does not matter.
//#Lib: libx.so flags=-Wl,--hash-style=both
//#Edit: libx.so set sysvhash.nbuckets 0
//#Expect: loads
int value = 1;
int *x(void) { return &value; }
