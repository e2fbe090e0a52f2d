int c(void);
static int one(void) { return 1; }
static int two(void) { return 2; }
static void *pick(void) { return c() ? one : two; }
int b(void) __attribute__((ifunc("pick")));
