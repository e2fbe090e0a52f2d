//! Libraries that try to get out: under every sandbox, what they write, whom they reach, and what is left of them.
//! What no sandbox holds back is done for real in one round, so that an attack that has gone blunt is noticed.
//! The bystanders are ordinary libraries between the attackers: nothing may change for them.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helpers")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

#[path = "probe/libraries.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod libraries;
#[path = "probe/programs.rs"]
mod programs;

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use libraries::{CASES, compile, left_behind};
use programs::{helper, helpers, skip};
use tsuku_verify::loader::pool::Household;
use tsuku_verify::loader::sandbox::Sandbox;
use tsuku_verify::loader::{ProbeOptions, ProbeOutcome, probe};

/// The tests look for processes: one after the other.
static ONE: Mutex<()> = Mutex::new(());

fn path(library: &Path) -> Vec<u8> {
    library.as_os_str().as_bytes().to_vec()
}

/// What a file or directory is like, with what would give away any change.
fn looks(place: &Path) -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
    let of = |path: PathBuf| {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        // Not a pipe, where reading would wait for a writer.
        let bytes = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        (path, meta.mode(), meta.mtime_nsec() + meta.ctime_nsec() + meta.ctime(), bytes)
    };
    let mut all: Vec<_> = std::fs::read_dir(place).unwrap().map(|entry| of(entry.unwrap().path())).collect();
    all.push(of(place.to_owned()));
    all.sort();
    all
}

/// Who waits for visitors, on the machine's own addresses.
struct Listeners {
    tcp: TcpListener,
    udp: UdpSocket,
    local: UnixListener,
}

impl Listeners {
    fn new(dir: &Path) -> Listeners {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = UnixListener::bind(dir.join("socket")).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        local.set_nonblocking(true).unwrap();
        Listeners { tcp, udp, local }
    }

    /// Who came: over the internet's protocols, over a local socket.
    fn visited(&self) -> (bool, bool) {
        let none = |e: std::io::Error| assert_eq!(e.kind(), ErrorKind::WouldBlock);
        let tcp = self.tcp.accept().map_err(none).is_ok();
        let udp = self.udp.recv(&mut [0; 8]).map_err(none).is_ok();
        (tcp || udp, self.local.accept().map_err(none).is_ok())
    }
}

/// Attacks on files and sockets; each constructor goes on whatever happens. PLACE is where they try.
const ESCAPES: &[(&str, &str)] = &[
    ("creates", "close(open(\"PLACE/new\", O_CREAT | O_WRONLY, 0600));"),
    ("writes", "int f = open(\"PLACE/kept\", O_WRONLY); write(f, \"evil\", 4);"),
    ("truncates", "truncate(\"PLACE/kept\", 0);"),
    ("removes", "unlink(\"PLACE/kept\"); rmdir(\"PLACE\");"),
    ("renames", "rename(\"PLACE/kept\", \"PLACE/gone\");"),
    (
        "links",
        "symlink(\"kept\", \"PLACE/link\"); link(\"PLACE/kept\", \"PLACE/hard\"); mkdir(\"PLACE/dir\", 0700); mkfifo(\"PLACE/fifo\", 0600);",
    ),
    (
        "modes",
        "chmod(\"PLACE/kept\", 0777); fchmod(open(\"PLACE/kept\", O_RDONLY), 0777); syscall(452, -100, \"PLACE/kept\", 0777, 0);",
    ),
    (
        "times",
        "struct timeval t[2] = {{1, 1}, {1, 1}}; utimes(\"PLACE/kept\", t); futimes(open(\"PLACE/kept\", O_RDONLY), t);",
    ),
    (
        "attributes",
        "setxattr(\"PLACE/kept\", \"user.evil\", \"x\", 1, 0); struct { unsigned long v; unsigned n, f; } x = {(unsigned long)\"x\", 1, 0}; \
      syscall(463, -100, \"PLACE/kept\", 0, \"user.evil\", &x, sizeof x); int n = 0x40; ioctl(open(\"PLACE/kept\", O_RDONLY), 0x40086602, &n);",
    ),
    ("program", "system(\"echo evil > PLACE/kept; touch PLACE/new\");"),
    (
        "tcp",
        "struct sockaddr_in a = {AF_INET, htons(TCP), {htonl(INADDR_LOOPBACK)}}; connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a);",
    ),
    (
        "udp",
        "struct sockaddr_in a = {AF_INET, htons(UDP), {htonl(INADDR_LOOPBACK)}}; sendto(socket(AF_INET, SOCK_DGRAM, 0), \"x\", 1, 0, (void *)&a, sizeof a);",
    ),
    (
        "local",
        "struct sockaddr_un a = {AF_UNIX, \"SOCKET\"}; connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a);",
    ),
];

#[test]
fn no_attack_touches_files_sockets_processes_or_another_library() {
    let _one = ONE.lock();
    for (name, file) in helpers() {
        for sandbox in [Sandbox::Off, Sandbox::Auto, Sandbox::Strict] {
            let dir = tempfile::tempdir().unwrap();
            let listeners = Listeners::new(dir.path());
            let (tcp, udp) = (listeners.tcp.local_addr().unwrap(), listeners.udp.local_addr().unwrap());
            let filled = |body: &str| {
                body.replace("TCP", &tcp.port().to_string())
                    .replace("UDP", &udp.port().to_string())
                    .replace("SOCKET", dir.path().join("socket").to_str().unwrap())
            };
            let good = compile(dir.path(), "bystander", "");
            let place = dir.path().join("place");
            std::fs::write(place.join("kept"), "kept").unwrap();
            let attacks = CASES.iter().map(|(name, body, _)| (*name, (*body).to_owned()));
            let escapes = ESCAPES.iter().map(|(name, body)| (*name, filled(body)));
            let attacks: Vec<PathBuf> =
                attacks.chain(escapes).map(|(name, body)| compile(dir.path(), name, &body)).collect();
            let before = looks(&place);
            let helper = helper(file);
            let mut options = ProbeOptions::new(&helper, "/".into());
            (options.sandbox, options.workers, options.deadline) = (sandbox, 2, Duration::from_secs(1));
            (options.limits.data, options.limits.file_size) = (192 << 20, 1 << 20);
            let asked: Vec<Vec<u8>> = attacks.iter().flat_map(|attack| [path(attack), path(&good)]).collect();
            let answers = probe(&asked, &options);
            for (pair, attack) in answers.chunks(2).zip(&attacks) {
                let [own, (bystander, details)] = pair else { panic!("an even number of answers") };
                if let (ProbeOutcome::NotRun { reason }, Sandbox::Strict) = (&own.0, sandbox) {
                    return skip(reason);
                }
                let at = format!("{name}, {sandbox:?}: beside {}", attack.display());
                assert_eq!(*bystander, ProbeOutcome::Loaded, "{at}");
                assert!(!details.attacked_helper, "{at}");
            }
            assert_eq!(left_behind(), Vec::<String>::new(), "{name}, {sandbox:?}");
            let landlock = answers
                .iter()
                .all(|(_, details)| details.in_force.contains(&"landlock") || details.attacked_helper);
            match sandbox {
                Sandbox::Off => {
                    assert_ne!(looks(&place), before, "{name}: the attacks on files are blunt");
                    assert_eq!(listeners.visited(), (true, true), "{name}: the attacks on sockets are blunt");
                }
                Sandbox::Auto if !landlock => skip("no Landlock here"),
                Sandbox::Auto => {
                    assert_eq!(looks(&place), before, "{name}");
                    assert!(!listeners.visited().0, "{name}: somebody came over the network");
                }
                Sandbox::Strict => {
                    assert_eq!(looks(&place), before, "{name}");
                    assert_eq!(listeners.visited(), (false, false), "{name}");
                }
            }
        }
    }
}

/// Calls that are refused: what is done, and how. Statuses tell which one was not.
const REFUSED: &[(&str, &str)] = &[
    ("syscall(452, -100, \"PLACE/kept\", 0700, 0)", "EPERM"),
    ("syscall(463, -100, \"PLACE/kept\", 0, \"user.x\", 0, 0)", "EPERM"),
    ("syscall(466, -100, \"PLACE/kept\", 0, \"user.x\")", "EPERM"),
    ("syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &zeros)", "EPERM"),
    ("syscall(SYS_sched_setattr, 0, &zeros, 0)", "EPERM"),
    ("syscall(SYS_sched_setaffinity, getppid(), sizeof cpus, &cpus)", "EPERM"),
    ("syscall(SYS_shmget, 0, 4096, 0600)", "ENOSYS"),
    ("syscall(SYS_msgget, 0, 0600)", "ENOSYS"),
    ("syscall(SYS_semget, 0, 1, 0600)", "ENOSYS"),
    ("syscall(SYS_mq_open, \"tsuku\", O_CREAT | O_RDWR, 0600, 0)", "ENOSYS"),
    ("syscall(SYS_kexec_file_load, -1, -1, 0, 0, 0)", "EPERM"),
    ("syscall(SYS_open_tree, -100, \"/\", 0)", "EPERM"),
    ("syscall(SYS_move_mount, -1, \"\", -1, \"\", 0)", "EPERM"),
    ("syscall(SYS_fsopen, \"tmpfs\", 0)", "EPERM"),
    ("syscall(SYS_fsconfig, -1, 0, 0, 0, 0)", "EPERM"),
    ("syscall(SYS_fsmount, -1, 0, 0)", "EPERM"),
    ("syscall(442, -100, \"/\", 0, 0, 0)", "EPERM"),
    #[cfg(target_arch = "x86_64")]
    ("syscall(SYS_iopl, 0)", "EPERM"),
    #[cfg(target_arch = "x86_64")]
    ("syscall(SYS_ioperm, 0, 1, 0)", "EPERM"),
    ("ioctl(0, TIOCSTI, \"x\")", "EPERM"),
    ("ptrace(PTRACE_ATTACH, getppid(), 0, 0)", "EPERM"),
    ("kill(-getpgid(getppid()), 0)", "EPERM"),
    ("kill(getppid(), 0)", "EPERM"),
];

#[test]
fn powers_over_others_are_refused_and_those_over_itself_are_not() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let mut body = "static char zeros[256]; cpu_set_t cpus; CPU_ZERO(&cpus); if (sched_getaffinity(0, sizeof cpus, &cpus)) _exit(10); \
        if (sched_setaffinity(0, sizeof cpus, &cpus)) _exit(11); struct rlimit r; if (getrlimit(RLIMIT_NOFILE, &r) || setrlimit(RLIMIT_NOFILE, &r)) _exit(12); "
        .to_owned();
    for (index, (call, errno)) in REFUSED.iter().enumerate() {
        body += &format!("errno = 0; if ({call} != -1 || errno != {errno}) _exit({}); ", 20 + index);
    }
    let library = compile(dir.path(), "powers", &body);
    std::fs::write(dir.path().join("place/kept"), "kept").unwrap();
    for (name, file) in helpers() {
        let helper = helper(file);
        for sandbox in [Sandbox::Off, Sandbox::Auto, Sandbox::Strict] {
            let mut options = ProbeOptions::new(&helper, "/".into());
            options.sandbox = sandbox;
            let (outcome, details) = probe(&[path(&library)], &options).remove(0);
            match sandbox {
                // Nothing refuses the first one.
                Sandbox::Off => assert_eq!(outcome, ProbeOutcome::Exited { status: 20 }, "{name}"),
                _ if !details.in_force.contains(&"seccomp") => skip("no seccomp here"),
                _ => assert_eq!(
                    outcome,
                    ProbeOutcome::Loaded,
                    "{name}, {sandbox:?}: status 20 + place in the list"
                ),
            }
        }
    }
}

#[test]
fn what_outlives_its_helper_comes_to_this_process_and_ends() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let body = "prctl(PR_SET_PDEATHSIG, 0); if (!fork()) { setsid(); name(); sleep(60); _exit(0); } name(); kill(getppid(), SIGKILL); sleep(60);";
    let library = compile(dir.path(), "stays", body);
    let household = Household::adopt();
    for (name, file) in helpers() {
        let helper = helper(file);
        let mut options = ProbeOptions::new(&helper, "/".into());
        options.sandbox = Sandbox::Off;
        options.household = Some(&household);
        let answers = probe(&[path(&library)], &options);
        assert!(answers[0].1.attacked_helper, "{name}: {answers:?}");
        assert_eq!(left_behind(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_run_that_is_given_up_leaves_nothing() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let body = "if (!fork()) { setsid(); name(); sleep(60); _exit(0); } name(); for (;;) pause();";
    let library = compile(dir.path(), "stays", body);
    for signal in ["-INT", "-TERM", "-KILL"] {
        for sandbox in ["off", "auto"] {
            let mut run = programs::verify(&["--timeout", "60", "--sandbox", sandbox], &[&library])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            programs::eventually(|| left_behind().len() == 2, "the library runs");
            let killed = std::process::Command::new("kill").args([signal, &run.id().to_string()]).status();
            assert!(killed.unwrap().success());
            let status = run.wait().unwrap();
            if signal == "-INT" {
                assert_eq!(status.code(), Some(130));
                // Nobody has to wait for that.
                assert_eq!(left_behind(), Vec::<String>::new(), "{signal}, sandbox {sandbox}");
            }
            programs::eventually(|| left_behind().is_empty(), "all of it has ended");
        }
    }
}

#[test]
fn no_terminal_is_in_reach() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let library = compile(dir.path(), "types", "if (open(\"/dev/tty\", O_RDWR) >= 0) _exit(31);");
    let on_a_terminal = |command: &str| {
        let log = dir.path().join("log");
        let run = std::process::Command::new("script")
            .args(["-qec", command])
            .arg(&log)
            .stdin(std::process::Stdio::null())
            .output();
        run.ok().map(|output| (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    if on_a_terminal("sh -c ': </dev/tty'").and_then(|(code, _)| code) != Some(0) {
        return skip("script(1) gives no terminal here");
    }
    for (name, file) in helpers() {
        let (code, said) = on_a_terminal(&format!("{} {}", file.display(), library.display())).unwrap();
        assert_eq!(code, Some(0), "{name}: {said}");
    }
    let program = env!("CARGO_BIN_EXE_tsuku-verify");
    let command = format!("{program} verify --level 3 --sandbox off {}", library.display());
    let (code, said) = on_a_terminal(&command).unwrap();
    assert_eq!(code, Some(0), "{said}");
}
