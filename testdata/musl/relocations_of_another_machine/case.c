// A library of another machine is mapped, and its first relocation not known.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set ehdr.machine 183
//#Edit: libx.so set rela:0.type 1027
//#Expect: fails "Error relocating {D}/libx.so: unsupported relocation type 1027"
//#Finding: accepted-unchecked
int y;
int *p = &y;
