// A relative relocation outside the counted ones is fine.
//#Lib: libx.so
//#Edit: libx.so set dyn:RELACOUNT.value 0
//#Expect: loads
static int value = 1;
int *table[] = {&value, &value};
