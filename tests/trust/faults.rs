//! What can go wrong around the files: they vanish, shrink or turn into something else, and there is too little of everything.
//! Nothing else may be lost, the exit status has to be right, and nothing may be judged by a guess.
//! Races are made certain: the change happens inside the call that would lose the race.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::tiny::Tiny;
use crate::world::{PLACE, judge_over, with_made};
use tempfile::TempDir;
use tsuku_verify::analyzer::audit::{self, Level, Library};
use tsuku_verify::analyzer::host::real::{ByteStore, RealHost};
use tsuku_verify::analyzer::host::{Entry, Errno, Host, Opened, Stat};
use tsuku_verify::analyzer::verdict::Verdict;

/// When the change happens.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    BeforeOpening,
    AfterOpening,
}

/// The real disk, on which something happens once, when a certain file is opened.
struct Racing<'h, 'a> {
    real: RealHost<'h>,
    victim: PathBuf,
    moment: Moment,
    happened: AtomicBool,
    happen: &'a (dyn Fn(&Path) + Sync),
}

impl<'h> Host<'h> for Racing<'h, '_> {
    fn open(&self, path: &[u8]) -> Result<Opened<'h>, Errno> {
        let now = path == self.victim.as_os_str().as_bytes() && !self.happened.swap(true, Ordering::SeqCst);
        if now && self.moment == Moment::BeforeOpening {
            (self.happen)(&self.victim);
        }
        let opened = self.real.open(path);
        if now && self.moment == Moment::AfterOpening {
            (self.happen)(&self.victim);
        }
        opened
    }

    fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        self.real.stat(path)
    }

    fn list(&self, path: &[u8]) -> Result<Vec<Entry>, Errno> {
        self.real.list(path)
    }

    fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        self.real.readlink(path)
    }

    fn noexec(&self, path: &[u8]) -> bool {
        self.real.noexec(path)
    }
}

/// Three libraries: `a.so` needs `b.so`, `c.so` is alone. `b.so` is large enough to be mapped.
fn three() -> (TempDir, Vec<Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let padded = Tiny { extra: vec![0; 3 << 20], ..Tiny::needing("b.so", []) };
    for (name, bytes) in [
        ("a.so", Tiny::needing("a.so", ["b.so".to_owned()]).bytes()),
        ("b.so", padded.bytes()),
        ("c.so", Tiny::needing("c.so", []).bytes()),
    ] {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let paths = ["a.so", "b.so", "c.so"].map(|n| dir.path().join(n).as_os_str().as_bytes().to_vec());
    (dir, paths.to_vec())
}

/// Judges the three while `happen` strikes `b.so`; says what became of each, and how many files are known to have changed.
fn struck(moment: Moment, happen: &(dyn Fn(&Path) + Sync)) -> (Vec<Library>, usize) {
    let (dir, paths) = three();
    let store = ByteStore::new();
    let host = Racing {
        real: RealHost::new(&store),
        victim: dir.path().join("b.so"),
        moment,
        happened: AtomicBool::new(false),
        happen,
    };
    // One thread: the others would meet the moment in the middle of the change.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let libraries = one.install(|| {
        judge_over(&host, Vec::new(), |loaders, _| audit::run(loaders, &paths, Level::Two, &|_| {}))
    });
    assert!(host.happened.load(Ordering::SeqCst), "the change was never made");
    assert_eq!(libraries.len(), 3, "nothing is lost");
    assert_eq!(libraries[2].judgement.verdict, Verdict::Loads, "a library beside it is not touched");
    (libraries, store.changed().len())
}

fn message(library: &Library) -> String {
    match &library.judgement.verdict {
        Verdict::Fails { message: Some(m), .. } => m.escape_ascii().to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_vanishes_before_it_is_opened() {
    let (libraries, _) = struck(Moment::BeforeOpening, &|f| fs::remove_file(f).unwrap());
    let gone = "b.so: cannot open shared object file: No such file or directory";
    assert_eq!(message(&libraries[0]), gone);
    assert!(message(&libraries[1]).ends_with(gone));
}

#[test]
fn a_file_turns_into_a_pipe_before_it_is_opened() {
    let pipe = |f: &Path| {
        fs::remove_file(f).unwrap();
        assert!(Command::new("mkfifo").arg(f).status().unwrap().success());
    };
    let (libraries, _) = struck(Moment::BeforeOpening, &pipe);
    // The loader would wait for ever; we must not.
    assert!(matches!(&libraries[0].judgement.verdict, Verdict::Fails { dies: Some(_), .. }));
}

#[test]
fn a_file_turns_into_a_link_that_leads_to_itself() {
    let (libraries, _) = struck(Moment::BeforeOpening, &|f| {
        fs::remove_file(f).unwrap();
        symlink(f, f).unwrap();
    });
    assert!(message(&libraries[1]).ends_with("Too many levels of symbolic links"));
}

#[test]
fn a_file_turns_into_a_device_through_a_link() {
    for target in ["/dev/zero", "/dev/full", "/proc/self/mem", "/proc/kmsg"] {
        let (libraries, _) = struck(Moment::BeforeOpening, &|f| {
            fs::remove_file(f).unwrap();
            symlink(target, f).unwrap();
        });
        assert!(!matches!(libraries[1].judgement.verdict, Verdict::Loads), "{target}");
    }
}

#[test]
fn a_file_is_cut_short_while_it_is_mapped() {
    for length in [0, 100, 4096, 1 << 20] {
        let cut = |f: &Path| fs::File::options().write(true).open(f).unwrap().set_len(length).unwrap();
        let (libraries, changed) = struck(Moment::AfterOpening, &cut);
        // Pages read before the cut are as they were. Whatever was read after it is not believed.
        if libraries[1].judgement.verdict != Verdict::Loads {
            assert_eq!(changed, 1, "cut to {length}: {:?}", libraries[1].judgement);
        }
    }
}

#[test]
fn a_file_is_removed_or_replaced_while_it_is_read() {
    let (libraries, _) = struck(Moment::AfterOpening, &|f| fs::remove_file(f).unwrap());
    assert_eq!(libraries[0].judgement.verdict, Verdict::Loads, "an open file outlives its name");
    let (libraries, _) = struck(Moment::AfterOpening, &|f| {
        let other = f.with_extension("new");
        fs::write(&other, b"something else").unwrap();
        fs::rename(&other, f).unwrap();
    });
    assert_eq!(libraries[0].judgement.verdict, Verdict::Loads, "what was opened first counts");
}

#[test]
fn a_million_entries_in_one_directory() {
    // Every tenth thousand is a library.
    let names = (0..1_000_000).map(|n| format!("f{n}")).collect();
    let library = Tiny::needing("x", []).bytes();
    let make = |name: &str| {
        let n: usize = name.strip_prefix('f')?.parse().ok()?;
        Some(if n.is_multiple_of(10_000) { library.clone() } else { b"text".to_vec() })
    };
    let found = with_made(names, &make, |_, walk| walk.collect());
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|p| p.starts_with(PLACE.as_bytes())));
}

// From here on the program itself, with too little of something.

fn shell(limits: &str, args: &[&OsStr]) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{limits}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_tsuku-verify"))
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn lines(out: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(out.stdout.clone()).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Enough libraries to run out of something.
pub fn many(count: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..count {
        let bytes = Tiny::needing(&format!("l{n}.so"), [format!("l{}.so", (n + 1) % count)]).bytes();
        fs::write(dir.path().join(format!("l{n}.so")), bytes).unwrap();
    }
    dir
}

#[test]
fn few_descriptors_change_nothing() {
    let dir = many(60);
    let ask = ["audit", "--format", "ndjson", "--jobs", "4"].map(OsStr::new);
    let args: Vec<&OsStr> = ask.into_iter().chain([dir.path().as_os_str()]).collect();
    let (plenty, few) = (shell("true", &args), shell("ulimit -n 12", &args));
    assert_eq!(plenty.status.code(), Some(0), "{}", String::from_utf8_lossy(&plenty.stderr));
    assert_eq!(few.status.code(), Some(0), "{}", String::from_utf8_lossy(&few.stderr));
    assert_eq!(plenty.stdout, few.stdout);
    assert_eq!(lines(&few).len(), 60);
}

#[test]
fn one_free_descriptor_for_many_threads_is_waited_for() {
    let dir = many(60);
    let args = ["audit", "--format", "ndjson", "--jobs", "8"].map(OsStr::new);
    let args: Vec<&OsStr> = args.into_iter().chain([dir.path().as_os_str()]).collect();
    let out = shell("ulimit -n 4", &args);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(lines(&out).len(), 60);
    assert!(lines(&out).iter().all(|l| l["verdict"] == "loads"));
}

#[test]
fn little_memory_ends_in_an_error_and_not_in_a_wrong_verdict() {
    let dir = many(20);
    let args = [OsStr::new("audit"), OsStr::new("--format"), OsStr::new("ndjson"), dir.path().as_os_str()];
    for kilobytes in [8_000, 16_000, 32_000, 64_000, 128_000, 256_000] {
        let out = shell(&format!("ulimit -v {kilobytes}"), &args);
        if out.status.code() == Some(0) {
            assert_eq!(lines(&out).len(), 20, "{kilobytes} KiB");
        } else {
            // Rust ends a process that gets no memory; what was written is whole lines all the same.
            assert_ne!(out.status.code(), Some(7), "{kilobytes} KiB: a library is blamed");
        }
        assert!(lines(&out).iter().all(|l| l["verdict"] != "fails"), "{kilobytes} KiB");
    }
}

#[test]
fn a_full_disk_under_the_report_is_an_error() {
    let dir = many(3);
    for format in ["table", "json", "ndjson", "sarif", "junit", "github"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
        program.args(["audit", "--verbose", "--format", format]).arg(dir.path());
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let out = program.stdout(full).stderr(Stdio::piped()).output().unwrap();
        // A report that has nothing to say cannot fail to say it.
        if format != "github" {
            assert_eq!(out.status.code(), Some(1), "{format}");
            assert!(String::from_utf8_lossy(&out.stderr).contains("No space left"), "{format}");
        }
    }
}

#[test]
fn a_closed_standard_output_is_an_error_and_no_file_is_written_instead() {
    let dir = many(3);
    let args = [OsStr::new("audit"), OsStr::new("--verbose"), dir.path().as_os_str()];
    let before = fs::read(dir.path().join("l0.so")).unwrap();
    // The first file opened would get descriptor 1: Rust's start-up puts /dev/null there.
    let out = shell("exec >&- 2>&-", &args);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{out:?}");
    assert_eq!(fs::read(dir.path().join("l0.so")).unwrap(), before);
}

#[test]
fn permissions_taken_away_are_told_and_cost_one_library() {
    let dir = many(4);
    let file = dir.path().join("l3.so");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let mut program = Command::new("setpriv");
    program.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let ours: PathBuf = env!("CARGO_BIN_EXE_tsuku-verify").into();
    // Everybody has to reach the program and the files.
    let public = tempfile::tempdir().unwrap();
    fs::copy(&ours, public.path().join("program")).unwrap();
    for d in [public.path(), dir.path()] {
        fs::set_permissions(d, fs::Permissions::from_mode(0o755)).unwrap();
    }
    program.arg(public.path().join("program")).args(["audit", "--format", "ndjson"]).arg(dir.path());
    let out = program.stdin(Stdio::null()).output().unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    if told.contains("setresuid") || told.contains("setpriv:") {
        assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "this needs root: {told}");
        return;
    }
    assert!(told.contains("l3.so") && told.contains("locked"), "{told}");
    // l2.so needs the unreadable one, the others need l2.so: they fail for that reason, and are all there.
    assert_eq!(lines(&out).len(), 3);
    assert_eq!(out.status.code(), Some(7));
}

#[test]
fn paths_as_long_as_paths_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut at = dir.path().to_path_buf();
    let component = "d".repeat(250);
    while at.as_os_str().len() + 251 + 8 < 4096 {
        at.push(&component);
        fs::create_dir(&at).unwrap();
    }
    let room = 4095 - at.as_os_str().len() - 1;
    let name = format!("{}.so", "l".repeat(room.min(255) - 3));
    let file = at.join(name);
    fs::write(&file, Tiny::needing("x", []).bytes()).unwrap();
    let longest = file.as_os_str().len();
    assert!(longest > 3900, "{longest}");
    let run = |args: &[&OsStr]| Command::new(env!("CARGO_BIN_EXE_tsuku-verify")).args(args).output().unwrap();
    let found =
        run(&[OsStr::new("audit"), OsStr::new("--format"), OsStr::new("ndjson"), dir.path().as_os_str()]);
    assert_eq!(lines(&found).len(), 1, "{}", String::from_utf8_lossy(&found.stderr));
    assert_eq!(lines(&found)[0]["verdict"], "loads");
    // One longer than the system takes.
    let too_long = file.join("x".repeat(255)).join("y".repeat(255));
    let out =
        run(&[OsStr::new("verify"), OsStr::new("--format"), OsStr::new("ndjson"), too_long.as_os_str()]);
    assert_eq!(lines(&out).len(), 1);
    assert!(lines(&out)[0]["message"].as_str().unwrap().ends_with("File name too long"), "{out:?}");
}

#[test]
fn a_directory_bound_into_itself_is_walked_once() {
    let dir = many(5);
    let inner = dir.path().join("again");
    fs::create_dir(&inner).unwrap();
    symlink(dir.path(), dir.path().join("round")).unwrap();
    let script = "mount --rbind \"$1\" \"$1/again\" && exec \"$0\" audit --format ndjson \"$1\"";
    let out = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_tsuku-verify")])
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    if told.contains("unshare") || told.contains("mount:") {
        assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "this needs root: {told}");
        return;
    }
    assert_eq!(lines(&out).len(), 5, "{told}");
}
