// A relocation type nobody knows.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set rela:0.type 200
//#Expect: fails "Error relocating {D}/libx.so: unsupported relocation type 200"
int y;
int *p = &y;
