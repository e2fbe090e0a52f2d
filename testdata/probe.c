/* The smallest process that can ask a dynamic loader a question: that of the libc it is compiled with. It links only libc, so
 * nothing but libc and the loader is there before the library under test.
 *
 *   probe version                      prints the version of glibc
 *   probe REPLY LIB [PRELOADED...]     dlopens PRELOADED (RTLD_GLOBAL), then LIB (RTLD_LOCAL), and writes the answer to REPLY
 *
 * The answer goes to a file of its own: the library under test may write to any standard descriptor. _exit, so that nothing the
 * library registered runs after the answer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void reply(const char *file, const char *verdict, const char *text) {
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) _exit(90);
    if (write(fd, verdict, strlen(verdict)) < 0 || write(fd, "\n", 1) < 0 || write(fd, text, strlen(text)) < 0) _exit(91);
    _exit(0);
}

int main(int argc, char **argv) {
#ifdef __GLIBC__
    if (argc == 2 && strcmp(argv[1], "version") == 0) return puts(gnu_get_libc_version()) < 0;
#endif
    if (argc < 3) return 92;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (int i = 3; i < argc; i++)
        if (!dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL)) reply(argv[1], "setup", dlerror());
    errno = 0; /* the loader's messages sometimes end in whatever it was */
    if (dlopen(argv[2], RTLD_NOW | RTLD_LOCAL)) reply(argv[1], "loads", "");
    reply(argv[1], "fails", dlerror());
}
