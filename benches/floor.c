/* floor.c - what reading costs at least: no rule of any loader, no resolving, no verdict.
 *
 *   floor 1 < LIST    every file: open, read the first 832 bytes (the header), close
 *   floor 2 < LIST    every file: open, map, touch the dynamic section, the version needs and every dynamic symbol,
 *                     and hash the name of every undefined one
 *
 * Paths one a line. 64-bit little-endian ELF is gone through, other files are only opened. Prints one line of totals.
 * Build: cc -O2 -o floor floor.c */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t files, symbols, undefined, needed, sum;

struct image {
    const unsigned char *bytes;
    size_t size;
    const Elf64_Phdr *phdr;
    int count;
};

/* Where an address of the object stands in the file, or 0. */
static size_t offset_of(const struct image *m, uint64_t address)
{
    for (int i = 0; i < m->count; i++) {
        const Elf64_Phdr *p = &m->phdr[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
            return p->p_offset + (address - p->p_vaddr);
    }
    return 0;
}

/* The number of dynamic symbols, from the hash table. */
static uint64_t symbol_count(const struct image *m, uint64_t gnu, uint64_t sysv)
{
    size_t at = offset_of(m, sysv);
    if (sysv && at && at + 8 <= m->size)
        return ((const uint32_t *)(m->bytes + at))[1];
    at = offset_of(m, gnu);
    if (!gnu || !at || at + 16 > m->size)
        return 0;
    const uint32_t *h = (const uint32_t *)(m->bytes + at);
    uint32_t buckets = h[0], first = h[1], words = h[2], last = 0;
    const uint32_t *bucket = h + 4 + 2 * (size_t)words, *chain = bucket + buckets;
    if ((const unsigned char *)chain > m->bytes + m->size)
        return 0;
    for (uint32_t i = 0; i < buckets; i++)
        if (bucket[i] > last)
            last = bucket[i];
    if (last < first)
        return first;
    while ((const unsigned char *)(chain + (last - first) + 1) < m->bytes + m->size && !(chain[last - first] & 1))
        last++;
    return (uint64_t)last + 1;
}

static void touch(const struct image *m)
{
    uint64_t strtab = 0, symtab = 0, gnu = 0, sysv = 0, verneed = 0, needs = 0;
    const Elf64_Dyn *d = NULL;
    size_t entries = 0;
    for (int i = 0; i < m->count; i++)
        if (m->phdr[i].p_type == PT_DYNAMIC && m->phdr[i].p_offset + m->phdr[i].p_filesz <= m->size) {
            d = (const Elf64_Dyn *)(m->bytes + m->phdr[i].p_offset);
            entries = m->phdr[i].p_filesz / sizeof *d;
        }
    for (size_t i = 0; i < entries && d[i].d_tag; i++)
        switch (d[i].d_tag) {
        case DT_NEEDED: needed++; break;
        case DT_STRTAB: strtab = d[i].d_un.d_ptr; break;
        case DT_SYMTAB: symtab = d[i].d_un.d_ptr; break;
        case DT_GNU_HASH: gnu = d[i].d_un.d_ptr; break;
        case DT_HASH: sysv = d[i].d_un.d_ptr; break;
        case DT_VERNEED: verneed = d[i].d_un.d_ptr; break;
        case DT_VERNEEDNUM: needs = d[i].d_un.d_val; break;
        }
    size_t at = offset_of(m, verneed);
    for (uint64_t n = 0; at && n < needs && at + sizeof(Elf64_Verneed) <= m->size; n++) {
        const Elf64_Verneed *v = (const Elf64_Verneed *)(m->bytes + at);
        sum += v->vn_file;
        if (!v->vn_next)
            break;
        at += v->vn_next;
    }
    size_t names = offset_of(m, strtab), table = offset_of(m, symtab);
    uint64_t count = table && names ? symbol_count(m, gnu, sysv) : 0;
    if (table + count * sizeof(Elf64_Sym) > m->size)
        count = 0;
    const Elf64_Sym *s = (const Elf64_Sym *)(m->bytes + table);
    for (uint64_t i = 0; i < count; i++) {
        symbols++;
        if (s[i].st_shndx != SHN_UNDEF || names + s[i].st_name >= m->size) {
            sum += s[i].st_value;
            continue;
        }
        undefined++;
        uint32_t hash = 5381;
        for (const unsigned char *c = m->bytes + names + s[i].st_name; c < m->bytes + m->size && *c; c++)
            hash = hash * 33 + *c;
        sum += hash;
    }
}

static void one(const char *path, int level)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    files++;
    char head[832];
    struct stat st;
    if (level == 1) {
        sum += (uint64_t)pread(fd, head, sizeof head, 0);
    } else if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(Elf64_Ehdr)) {
        struct image m = {.size = (size_t)st.st_size};
        m.bytes = mmap(NULL, m.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m.bytes != MAP_FAILED) {
            const Elf64_Ehdr *h = (const Elf64_Ehdr *)m.bytes;
            if (!memcmp(h->e_ident, "\177ELF\2\1", 6) && h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr) <= m.size) {
                m.phdr = (const Elf64_Phdr *)(m.bytes + h->e_phoff);
                m.count = h->e_phnum;
                touch(&m);
            }
            munmap((void *)m.bytes, m.size);
        }
    }
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "1") && strcmp(argv[1], "2"))) {
        fputs("usage: floor 1|2 < LIST\n", stderr);
        return 2;
    }
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        if (line[n - 1] == '\n')
            line[n - 1] = 0;
        one(line, argv[1][0] - '0');
    }
    printf("%llu files, %llu symbols, %llu undefined, %llu needed (%llx)\n", (unsigned long long)files, (unsigned long long)symbols,
           (unsigned long long)undefined, (unsigned long long)needed, (unsigned long long)sum);
    return 0;
}
