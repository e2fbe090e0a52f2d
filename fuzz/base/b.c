/* Definitions of many kinds: versions, thread-local data, an IFUNC, weak and protected symbols, a constructor. */
void *malloc(unsigned long);
void free(void *);
__thread int local = 7;
int value[64] = {1, 2, 3};
static int one(void) { return 1; }
static int (*pick(void))(void) { return one; }
int chosen(void) __attribute__((ifunc("pick")));
__attribute__((weak)) int soft(void) { return local; }
__attribute__((visibility("protected"))) int own(void) { return value[0]; }
int old_name(void) { free(malloc(1)); return 1; }
int new_name(void) { return 2; }
__asm__(".symver old_name, name@B_1");
__asm__(".symver new_name, name@@B_2");
__attribute__((constructor)) static void begin(void) { value[1] = own(); }
