// An unversioned reference takes the oldest of several versions, though it is not the default any more.
//#Lib: libx.so
//#Expect: loads
void *memcpy(void *, const void *, unsigned long);
void *x(void *a, void *b) { return memcpy(a, b, ((unsigned long)a) & 255); }
