// A good identification is never asked for reasons, so the version behind it comes before the machine.
//#Lib: libx.so
//#Edit: libx.so set ehdr.machine 3
//#Edit: libx.so set ehdr.version 2
//#Expect: fails "{D}/libx.so: ELF file version does not match current one"
int x(void) { return 1; }
