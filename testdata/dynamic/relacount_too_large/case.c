// What counts as relative must be relative.
//#Lib: libx.so
//#Edit: libx.so set dyn:RELACOUNT.value 2
//#Expect: dies abort
int value = 1;
static int other = 2;
int *table[] = {&other};
int *x(void) { return &value; }
