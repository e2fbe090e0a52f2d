//! Both helpers under the same libraries: whatever one does, the others' answers stay the same.
//! Nothing may be left behind, and nothing may take longer than its deadlines add up to.
//! The drop-in contract is tsuku's; the outcomes are those of a fresh process that calls `dlopen`.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helpers")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

#[path = "probe/libraries.rs"]
mod libraries;
#[path = "probe/programs.rs"]
mod programs;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libraries::{DEADLINE_MS, Wanted, all, compile, left_behind};
use programs::{helper, helpers};
use tsuku_verify::loader::sandbox::Sandbox;
use tsuku_verify::loader::{Details, ProbeOptions, ProbeOutcome, probe};

/// The tests measure time and look for processes: one after the other.
static ONE: Mutex<()> = Mutex::new(());

fn bytes(paths: &[(PathBuf, Wanted)]) -> Vec<Vec<u8>> {
    paths.iter().map(|(path, _)| path.as_os_str().as_bytes().to_vec()).collect()
}

fn agrees(wanted: Wanted, (outcome, details): &(ProbeOutcome, Details)) -> bool {
    match wanted {
        Wanted::Loaded => *outcome == ProbeOutcome::Loaded,
        Wanted::Crashed(signal) => *outcome == ProbeOutcome::Crashed { signal },
        Wanted::Exited(status) => *outcome == ProbeOutcome::Exited { status },
        Wanted::TimedOut => *outcome == ProbeOutcome::TimedOut,
        Wanted::Blamed => {
            details.attacked_helper
                && matches!(outcome, ProbeOutcome::Crashed { .. } | ProbeOutcome::TimedOut)
        }
        Wanted::Own => true,
    }
}

fn dropin(helper: &Path, paths: &[&Path]) -> (Option<i32>, String, Vec<serde_json::Value>) {
    let output = Command::new(helper).args(paths).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let array = if text.is_empty() { Vec::new() } else { serde_json::from_str(&text).expect(&text) };
    (output.status.code(), text, array)
}

#[test]
fn every_library_gets_its_own_outcome() {
    let _one = ONE.lock();
    for (name, path) in helpers() {
        for workers in [1, 2] {
            let helper = helper(path);
            let mut options = ProbeOptions::new(&helper, "/".into());
            (options.sandbox, options.workers, options.deadline) =
                (Sandbox::Off, workers, Duration::from_millis(DEADLINE_MS.into()));
            (options.limits.data, options.limits.file_size) = (192 << 20, 8 << 20);
            let start = Instant::now();
            let answers = probe(&bytes(all()), &options);
            let took = start.elapsed();
            assert_eq!(answers.len(), all().len());
            for ((path, wanted), answer) in all().iter().zip(&answers) {
                assert!(
                    agrees(*wanted, answer),
                    "{name}, {workers} workers: {}: wanted {wanted:?}, got {answer:?}",
                    path.display()
                );
            }
            // As many deadlines as hang, and one more with its grace for the helper that was stopped.
            assert!(took < Duration::from_secs(30), "{name}: {took:?}");
            assert_eq!(left_behind(), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn the_drop_in_answers_for_each_path_in_order() {
    let _one = ONE.lock();
    for (name, helper) in helpers() {
        let missing = Path::new("/nonexistent/libgone.so");
        let mut paths: Vec<&Path> = all().iter().map(|(path, _)| path.as_path()).collect();
        paths.push(missing);
        let start = Instant::now();
        let (status, text, array) = dropin(helper, &paths);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
        assert_eq!(status, Some(1), "{name}");
        assert!(
            text.starts_with('[') && text.trim_end().ends_with(']') && text.lines().count() == 1,
            "{name}: {text}"
        );
        assert_eq!(array.len(), paths.len(), "{name}");
        for (path, entry) in paths.iter().zip(&array) {
            assert_eq!(entry["path"].as_str(), path.to_str(), "{name}");
            assert_eq!(entry["ok"].as_bool() == Some(true), entry.get("error").is_none(), "{name}: {entry}");
        }
        // What the request or a sandbox decides is another matter here: signals to what watches it do not arrive.
        let sure = |wanted: Wanted| !matches!(wanted, Wanted::Blamed | Wanted::Own);
        for ((path, wanted), entry) in all().iter().zip(&array).filter(|((_, wanted), _)| sure(*wanted)) {
            assert_eq!(
                entry["ok"].as_bool(),
                Some(*wanted == Wanted::Loaded),
                "{name}: {}: {entry}",
                path.display()
            );
        }
        let last = array.last().unwrap()["error"].as_str().unwrap();
        assert_eq!(
            last,
            "/nonexistent/libgone.so: cannot open shared object file: No such file or directory"
        );
        assert_eq!(left_behind(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn fifty_libraries_that_hang_stay_within_the_time_of_a_batch() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let (hang, good) = (compile(dir.path(), "hang", "for (;;) pause();"), compile(dir.path(), "good", ""));
    for (name, helper) in helpers() {
        let mut paths = vec![hang.as_path(); 49];
        paths.push(&good);
        let start = Instant::now();
        let (status, _, array) = dropin(helper, &paths);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
        assert_eq!((status, array.len()), (Some(1), 50), "{name}");
        assert_eq!(array.iter().filter(|entry| entry["ok"] == true).count(), 1, "{name}");
        assert_eq!(array[49]["ok"], true, "{name}");
    }
}

#[test]
fn the_drop_in_keeps_the_contract_of_its_command_line() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "");
    let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"lib\"\xff\n.so"));
    std::fs::copy(&good, &odd).unwrap();
    for (name, helper) in helpers() {
        let version = Command::new(helper).arg("--version").output().unwrap();
        let text = String::from_utf8(version.stdout).unwrap();
        assert!(
            text.starts_with("tsuku-dltest v") && text.ends_with('\n') && version.status.success(),
            "{name}: {text}"
        );
        let usage = Command::new(helper).output().unwrap();
        assert_eq!(usage.status.code(), Some(2), "{name}");
        assert!(
            usage.stdout.is_empty() && usage.stderr.starts_with(b"usage: tsuku-dltest <path>..."),
            "{name}"
        );
        let (status, text, array) = dropin(helper, &[&good]);
        assert_eq!((status, array.len()), (Some(0), 1), "{name}: {text}");
        let (status, text, array) = dropin(helper, &[&odd, Path::new("")]);
        assert_eq!((status, array.len()), (Some(1), 2), "{name}: {text}");
        assert_eq!((&array[0]["ok"], &array[1]["ok"]), (&true.into(), &false.into()), "{name}: {text}");
        assert!(array[0]["path"].as_str().unwrap().ends_with("lib\"\u{fffd}\n.so"), "{name}: {text}");
    }
}

#[test]
fn the_sandbox_takes_powers_and_says_so() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("written");
    let body = format!(
        "if (open(\"{0}\", O_CREAT | O_WRONLY, 0600) >= 0) _exit(11); if (chmod(\"{1}\", 0700) == 0) _exit(12); \
         if (socket(AF_INET, SOCK_DGRAM, 0) >= 0) _exit(13); if (fork() >= 0) _exit(14); if (kill(getppid(), 0) == 0) _exit(15); \
         if (system(\"true\") == 0) _exit(16); struct rlimit r = {{1, 1}}; if (prlimit(getppid(), RLIMIT_CPU, &r, 0) == 0) _exit(17); \
         if (ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0) _exit(18); if (open(\"/dev/null\", O_WRONLY) < 0) _exit(19); \
         if (open(\"{1}\", O_RDONLY) < 0) _exit(20); if (kill(getpid(), 0)) _exit(21); char *a[] = {{\"true\", 0}}; execv(\"/bin/true\", a);",
        mark.display(),
        dir.path().display()
    );
    let library = compile(dir.path(), "greedy", &body);
    let path = vec![library.as_os_str().as_bytes().to_vec()];
    for (name, file) in helpers() {
        let helper = helper(file);
        let mut options = ProbeOptions::new(&helper, "/".into());
        let off = {
            options.sandbox = Sandbox::Off;
            probe(&path, &options)
        };
        assert_eq!(off[0].0, ProbeOutcome::Exited { status: 11 }, "{name}");
        assert!(!off[0].1.in_force.contains(&"seccomp"), "{name}");
        std::fs::remove_file(&mark).unwrap();
        options.sandbox = Sandbox::Strict;
        let strict = probe(&path, &options);
        if let ProbeOutcome::NotRun { reason } = &strict[0].0 {
            assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "{name}: {reason}");
            continue;
        }
        assert_eq!(strict[0].0, ProbeOutcome::Loaded, "{name}: {strict:?}");
        assert!(
            ["no-new-privs", "landlock", "seccomp", "rlimits"]
                .iter()
                .all(|p| strict[0].1.in_force.contains(p)),
            "{name}: {strict:?}"
        );
        assert!(!mark.exists(), "{name}");
    }
}

#[test]
fn by_default_nothing_is_taken_that_libraries_count_on() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("written");
    // Programs, forks, threads and their own signals work; files, networks and other processes are out of reach.
    let body = format!(
        "FILE *p = popen(\"echo out; kill -TERM $$\", \"r\"); if (!p) _exit(11); char w[8]; if (!fgets(w, 8, p)) _exit(12); \
         if (pclose(p) != SIGTERM) _exit(13); if (!fork()) abort(); int s; wait(&s); if (s != SIGABRT) _exit(14); \
         if (socket(AF_UNIX, SOCK_STREAM, 0) < 0) _exit(15); if (open(\"/dev/urandom\", O_RDWR) < 0) _exit(16); \
         if (socket(AF_INET, SOCK_DGRAM, 0) >= 0) _exit(17); if (open(\"{}\", O_CREAT | O_WRONLY, 0600) >= 0) _exit(18); \
         if (kill(getppid(), SIGCONT) == 0) _exit(19); if (system(\"echo > {}\") == 0) _exit(20);",
        mark.display(),
        mark.display()
    );
    let library = compile(dir.path(), "modest", &body);
    let path = vec![library.as_os_str().as_bytes().to_vec()];
    for (name, file) in helpers() {
        let helper = helper(file);
        let answers = probe(&path, &ProbeOptions::new(&helper, "/".into()));
        if !answers[0].1.in_force.contains(&"landlock") {
            assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "{name}: no Landlock here");
            continue;
        }
        assert_eq!(answers[0].0, ProbeOutcome::Loaded, "{name}: {answers:?}");
        assert!(!mark.exists(), "{name}");
    }
}

#[test]
fn the_environment_is_only_what_is_given() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let body = "extern char **environ; for (char **e = environ; *e; e++) puts(*e); char w[4096]; puts(getcwd(w, sizeof w)); fflush(0);";
    let library = compile(dir.path(), "env", body);
    for (name, file) in helpers() {
        let helper = helper(file);
        let cwd = dir.path().canonicalize().unwrap();
        let mut options = ProbeOptions::new(&helper, cwd.clone());
        options.env = vec![("ONLY".into(), "this".into())];
        let answers = probe(&[library.as_os_str().as_bytes().to_vec()], &options);
        assert_eq!(
            String::from_utf8_lossy(&answers[0].1.output),
            format!("ONLY=this\n{}\n", cwd.display()),
            "{name}: {answers:?}"
        );
    }
}

#[test]
fn a_library_opened_first_counts() {
    let _one = ONE.lock();
    let dir = tempfile::tempdir().unwrap();
    let host = compile(dir.path(), "host", "} int given(void) { return 1; } static void unused(void) {");
    let guest = compile(dir.path(), "guest", "extern int given(void); given();");
    let path = |library: &Path| library.as_os_str().as_bytes().to_vec();
    for (name, file) in helpers() {
        let helper = helper(file);
        let mut options = ProbeOptions::new(&helper, "/".into());
        let alone = probe(&[path(&guest)], &options);
        let message = format!("{}: undefined symbol: given", guest.display()).into_bytes();
        assert_eq!(alone[0].0, ProbeOutcome::Refused { message }, "{name}");
        options.preloaded = vec![path(&host)];
        assert_eq!(probe(&[path(&guest)], &options)[0].0, ProbeOutcome::Loaded, "{name}");
        options.preloaded = vec![b"/nonexistent/libhost.so".to_vec()];
        assert!(matches!(probe(&[path(&guest)], &options)[0].0, ProbeOutcome::NotRun { .. }), "{name}");
    }
}
