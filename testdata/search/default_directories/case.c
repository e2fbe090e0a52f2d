// The C library's own directory is searched without being told.
//#Lib: libx.so flags=-lm
//#Expect: loads
double sin(double);
double x(double d) { return sin(d); }
