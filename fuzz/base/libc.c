/* As much of a C library as the two others refer to. */
int counter;
void *malloc(unsigned long n) { return n ? (void *)&counter : 0; }
void free(void *p) { (void)p; }
int puts(const char *s) { return *s; }
void *memcpy(void *d, const void *s, unsigned long n) {
    for (unsigned long i = 0; i < n; i++) ((volatile char *)d)[i] = ((const char *)s)[i];
    return d;
}
void *__tls_get_addr(void *index) { return index; }
