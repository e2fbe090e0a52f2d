// A file for another machine counts as no file.
//#Lib: libx.so
//#Edit: libx.so set ehdr.machine 183
//#Expect: fails "{D}/libx.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
