//! Libraries that misbehave while they are loaded, and what a helper has to say of each.
//! Nothing here may outlive its test: what forks sleeps for a bounded time.
//! The reference is a fresh process that calls `dlopen` and looks at its own exit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the probe must find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    Loaded,
    Crashed(i32),
    Exited(i32),
    TimedOut,
    /// The library kills what watches it: it must be blamed, in whatever words.
    Blamed,
    /// Whatever the kernel allows it: only that nobody else is touched counts.
    Own,
}
use Wanted::{Blamed, Crashed, Exited, Loaded, Own, TimedOut};

pub const MARK: &str = "tsukuprobemark";

/// Name, constructor, outcome.
pub const CASES: &[(&str, &str, Wanted)] = &[
    ("good", "", Loaded),
    (
        "chatter",
        "for (int i = 0; i < 4000; i++) { puts(\"[{\\\"ok\\\":true}]\"); fputs(\"noise\\n\", stderr); } fflush(0);",
        Loaded,
    ),
    ("exit0", "exit(0);", Exited(0)),
    ("exit3_raw", "syscall(SYS_exit_group, 3);", Exited(3)),
    ("crash", "volatile int *volatile z = 0; *z = 1;", Crashed(11)),
    ("abort", "abort();", Crashed(6)),
    ("hang", "for (;;) pause();", TimedOut),
    ("spin", "for (;;) __asm__ volatile(\"\");", TimedOut),
    ("stop", "raise(SIGSTOP);", TimedOut),
    ("traced", "ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGTRAP);", TimedOut),
    ("fork_twice", "fork();", Loaded),
    ("fork_copy_returns", "if (fork()) _exit(0);", Exited(0)),
    ("fork_sleeper", "if (!fork()) { name(); sleep(60); _exit(0); }", Loaded),
    (
        "daemon",
        "if (!fork()) { setsid(); if (!fork()) { name(); signal(SIGTERM, SIG_IGN); sleep(60); } _exit(0); }",
        Loaded,
    ),
    ("own_group", "setpgid(0, getpgid(getppid())); if (!fork()) { name(); sleep(60); }", Loaded),
    ("close_all", "for (int i = 0; i < 1024; i++) close(i);", Loaded),
    ("dup_null", "int n = open(\"/dev/null\", O_RDWR); for (int i = 0; i < 64; i++) dup2(n, i);", Loaded),
    ("forge_then_crash", FORGE_CRASH, Crashed(11)),
    ("forge_then_exit", FORGE_EXIT, Exited(0)),
    ("parents_descriptors", PARENT, Exited(7)),
    (
        "flood",
        "static char b[65536]; for (int i = 0; i < 160; i++) { write(1, b, sizeof b); write(2, b, sizeof b); }",
        Loaded,
    ),
    (
        "fill_memory",
        "for (;;) { char *p = malloc(64 << 20); if (!p) abort(); memset(p, 1, 64 << 20); }",
        Crashed(6),
    ),
    (
        "block_signals",
        "sigset_t s; sigfillset(&s); sigprocmask(SIG_SETMASK, &s, 0); for (int i = 1; i < 65; i++) signal(i, SIG_IGN); for (;;) pause();",
        TimedOut,
    ),
    (
        "rlimits",
        "struct rlimit r = {1, 1}; setrlimit(RLIMIT_NOFILE, &r); setrlimit(RLIMIT_NPROC, &r); setrlimit(RLIMIT_CPU, &r);",
        Loaded,
    ),
    ("close_range", "syscall(SYS_close_range, 0, ~0u, 0);", Loaded),
    (
        "scribble",
        "FILE *m = fopen(\"/proc/self/maps\", \"r\"); unsigned long a, b; char p[8], l[512]; while (fgets(l, 512, m)) \
         if (sscanf(l, \"%lx-%lx %7s\", &a, &b, p) == 3 && p[1] == 'w' && p[3] == 's') memset((void *)a, 255, b - a); _exit(5);",
        Exited(5),
    ),
    (
        "own_reaper",
        "prctl(PR_SET_CHILD_SUBREAPER, 1); if (!fork()) { if (!fork()) { name(); sleep(60); } _exit(0); }",
        Loaded,
    ),
    (
        "respawns",
        "if (!fork()) { name(); for (int k = 0; k < 3000; k++) { setsid(); if (fork()) _exit(0); usleep(100); } _exit(0); }",
        Loaded,
    ),
    ("becomes_another", "char *a[] = {\"true\", 0}; execv(\"/bin/true\", a); _exit(9);", Exited(0)),
    ("signals_its_group", "kill(0, SIGTERM); pause();", Crashed(15)),
    (
        "limits_of_watcher",
        "struct rlimit r = {0, 0}; prlimit(getppid(), RLIMIT_AS, &r, 0); prlimit(getppid(), RLIMIT_NOFILE, &r, 0); _exit(7);",
        Exited(7),
    ),
    ("alarm", "alarm(1);", Loaded),
    ("chdir", "chdir(\"/\"); umask(0); setenv(\"LD_LIBRARY_PATH\", \"/nowhere\", 1);", Loaded),
    ("kill_watcher", "kill(getppid(), SIGKILL); for (;;) pause();", Blamed),
    ("stop_watcher", "kill(getppid(), SIGSTOP);", Blamed),
    (
        "first_to_go",
        "FILE *f = fopen(\"/proc/self/oom_score_adj\", \"r\"); int n = 0; if (fscanf(f, \"%d\", &n) != 1 || n != 1000) _exit(5);",
        Loaded,
    ),
    ("forge_not_run", "unsigned kind = 6; FORGE_PAGE", Exited(0)),
    ("forge_garbage", "unsigned kind = 99; FORGE_PAGE", Exited(0)),
    ("trace_watcher", TRACE, Own),
    (
        "fill_disk",
        "static char b[1 << 20]; for (int i = 0; i < 4; i++) { char n[4096]; sprintf(n, \"PLACE/fill%d\", i); \
         int f = open(n, O_CREAT | O_WRONLY, 0600); if (f < 0) _exit(6); while (write(f, b, sizeof b) > 0); }",
        Crashed(25),
    ),
    ("last", "", Loaded),
];
/// The deadline under which `FORGE_PAGE` finds the request, in milliseconds.
pub const DEADLINE_MS: u32 = 1000;

/// Finds the nonce on the stack and answers in the place of the helper, with a kind that no library can have.
const FORGE_PAGE: &str = "FILE *m = fopen(\"/proc/self/maps\", \"r\"); char l[512], p[8]; unsigned long a, b; char *page = 0, *top = 0; \
    while (fgets(l, 512, m)) if (sscanf(l, \"%lx-%lx %7s\", &a, &b, p) == 3) { if (p[1] == 'w' && p[3] == 's') page = (char *)a; \
    if (a <= (unsigned long)&a && (unsigned long)&a < b) top = (char *)b; } \
    for (char *q = (char *)((unsigned long)&a & ~3ul); q + 32 <= top; q += 4) { unsigned *w = (unsigned *)(q + 16); \
    if (w[0] == 1000 && w[1] < 4 && w[2] > 8 && w[2] < 4096 && !w[3]) { memset(page + 16, 0, 4); memcpy(page + 20, &kind, 4); \
    memcpy(page, q, 16); _exit(0); } } _exit(77);";
/// Stops its watcher as a debugger does, and lets it go on with a signal.
const TRACE: &str = "int p = getppid(), s; if (!ptrace(PTRACE_ATTACH, p, 0, 0)) { waitpid(p, &s, __WALL); \
    ptrace(PTRACE_DETACH, p, 0, (void *)(long)SIGKILL); pause(); }";

const FORGE: &str = "unsigned r[16] = {1, 1, 1, 1, 1, 0, 2, 31, 1, 0, 0, 0}; for (int i = 0; i < 1024; i++) { write(i, r, 48); write(i, \"[{\\\"ok\\\":true}]\\n\", 14); } ";
const FORGE_CRASH: &str = "FORGE volatile int *volatile z = 0; *z = 1;";
const FORGE_EXIT: &str = "FORGE _exit(0);";
/// Tries to write through the descriptors of the process above; exit status 7 either way.
const PARENT: &str = "char p[64]; for (int i = 0; i < 64; i++) { sprintf(p, \"/proc/%d/fd/%d\", getppid(), i); \
    if (getuid()) { int f = open(p, O_WRONLY); if (f >= 0) { write(f, \"forged\", 6); _exit(8); } } } _exit(7);";

const HEAD: &str = "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
#include <sched.h>\n#include <time.h>\n#include <errno.h>\n\
#include <sys/ioctl.h>\n#include <sys/un.h>\n#include <netinet/in.h>\n#include <arpa/inet.h>\n#include <sys/prctl.h>\n#include <sys/ptrace.h>\n#include <sys/resource.h>\n#include <sys/socket.h>\n#include <sys/stat.h>\n\
#include <sys/syscall.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
__attribute__((unused)) static void name(void) { prctl(PR_SET_NAME, \"tsukuprobemark\"); }\n";

/// Compiles a library whose constructor is `body`.
pub fn compile(dir: &Path, name: &str, body: &str) -> PathBuf {
    let (source, library) = (dir.join(format!("{name}.c")), dir.join(format!("lib{name}.so")));
    let place = dir.join("place");
    let _ = std::fs::create_dir(&place);
    let body = body.replace("FORGE_PAGE", FORGE_PAGE).replace("FORGE", FORGE);
    let body = body.replace("PLACE", place.to_str().unwrap());
    let text = format!("{HEAD}__attribute__((constructor)) static void c(void) {{ {body} }}\n");
    std::fs::write(&source, text).unwrap();
    let status =
        Command::new("gcc").args(["-O1", "-w", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(status.expect("gcc is there").success(), "{name}");
    library
}

/// All libraries of the table, compiled once for the whole run.
pub fn all() -> &'static [(PathBuf, Wanted)] {
    static ALL: OnceLock<(tempfile::TempDir, Vec<(PathBuf, Wanted)>)> = OnceLock::new();
    let (_, all) = ALL.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let all =
            CASES.iter().map(|(name, body, wanted)| (compile(dir.path(), name, body), *wanted)).collect();
        (dir, all)
    });
    all
}

/// Processes that a library left behind.
pub fn left_behind() -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let comm = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if comm.trim() == MARK {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}
