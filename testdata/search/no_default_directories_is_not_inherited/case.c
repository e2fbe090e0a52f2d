// It is a flag of the object that needs, not of the root.
//#Lib: libs/liba.so inline="double sin(double); double a(double d) { return sin(d); }" flags=-lm
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs flags=-Wl,-z,nodefaultlib
//#Expect: loads
double a(double);
double x(double d) { return a(d); }
