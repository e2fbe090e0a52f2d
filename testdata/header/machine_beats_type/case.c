// The machine is looked at before the type, so a wrong type behind it is never said.
//#Lib: libx.so
//#Edit: libx.so set ehdr.machine 3
//#Edit: libx.so set ehdr.type 1
//#Expect: fails "{D}/libx.so: cannot open shared object file: No such file or directory"
int x(void) { return 1; }
