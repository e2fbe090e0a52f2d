// DT_JMPREL comes first: a missing function is reported before missing data.
//#Loader: musl
//#Lib: libx.so
//#Expect: fails "Error relocating {D}/libx.so: a: symbol not found"
extern int data;
int *p = &data;
int a(void);
int x(void) { return a(); }
