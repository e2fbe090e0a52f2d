// A hash table of no buckets is divided by.
//#Loader: musl
//#Lib: libx.so flags=-Wl,--hash-style=sysv
//#Edit: libx.so set sysvhash.nbuckets 0
//#Expect: dies SIGFPE
int x(void) { return 1; }
