/* References of many kinds to the two others. */
extern __thread int local;
extern int value[];
extern int chosen(void), soft(void), own(void), name(void);
extern int nowhere(void) __attribute__((weak));
void *memcpy(void *, const void *, unsigned long);
int puts(const char *);
int (*table[])(void) = {chosen, soft, own, name, nowhere};
int *address(void) { return &local; }
int work(void) {
    char room[8];
    memcpy(room, "abcdefg", 8);
    return puts(room) + value[2] + table[3]() + (nowhere ? nowhere() : 0);
}
__attribute__((constructor)) static void begin(void) { work(); }
__attribute__((destructor)) static void end(void) { work(); }
