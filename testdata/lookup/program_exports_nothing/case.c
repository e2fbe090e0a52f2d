// The symbols of the program are not exported to its plugins.
//#Lib: libx.so
//#Expect: fails "{D}/libx.so: undefined symbol: main"
int main(void);
int x(void) { return main(); }
