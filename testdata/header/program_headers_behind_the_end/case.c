// Program headers that lie behind the end of the file.
//#Lib: libx.so
//#Edit: libx.so set ehdr.phoff size+4096
//#Expect: fails "{D}/libx.so: cannot read file data"
int x(void) { return 1; }
