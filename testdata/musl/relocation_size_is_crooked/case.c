// A table whose size is no multiple of its records has no end: the loader reads on to where memory ends, or to a type it does not know.
//#Loader: musl
//#Lib: libx.so
//#Edit: libx.so set dyn:RELASZ.value +8
//#Expect: dies SIGSEGV
int y;
int *p = &y;
