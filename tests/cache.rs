//! Kept results from outside: given again while nothing has changed, and never after anything that matters has.
//! A kept result is altered in a way its checksum does not show, so that a report tells where it comes from.
#![expect(clippy::disallowed_methods, reason = "tests make the files they judge")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tsuku_verify::analyzer::store::sealed::Label;

#[path = "macho/image.rs"]
#[allow(dead_code, reason = "the other tests of Mach-O files need the rest")]
mod image;

/// What kept results are labelled with.
const LABEL: Label = Label { magic: *b"TSVRUN\0\n", format: 2 };

fn audit(what: &[&str], cache: Option<&Path>) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    c.env_remove("COLUMNS").env_remove("NO_COLOR").env_remove("CI").stdin(Stdio::null());
    c.args(["audit", "--format", "ndjson"]).args(what);
    match cache {
        Some(dir) => c.arg("--cache").arg(dir),
        None => c.arg("--no-cache"),
    };
    c.output().unwrap()
}

fn gcc(args: &[&str]) -> Option<()> {
    match Command::new("gcc").args(args).status() {
        Ok(status) => assert!(status.success(), "gcc failed"),
        Err(_) if std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() => return None,
        Err(e) => panic!("gcc: {e}"),
    }
    Some(())
}

/// `main/libmain.so` finds `libdep.so.1`, a link, in the second of two directories of its DT_RUNPATH.
fn tree(dir: &Path) -> Option<()> {
    for sub in ["main", "a", "b"] {
        fs::create_dir_all(dir.join(sub)).unwrap();
    }
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let (dep, main) = (text(dir.join("b/libdep.so.1.0")), text(dir.join("main/libmain.so")));
    let source = text(dir.join("x.c"));
    fs::write(&source, "int dep(void){return 1;}").unwrap();
    gcc(&["-shared", "-fPIC", "-Wl,-soname,libdep.so.1", "-o", &dep, &source])?;
    symlink("libdep.so.1.0", dir.join("b/libdep.so.1")).unwrap();
    fs::write(&source, "int dep(void); int f(void){return dep();}").unwrap();
    let runpath = "-Wl,-rpath,$ORIGIN/../a:$ORIGIN/../b";
    gcc(&["-shared", "-fPIC", "-o", &main, &source, runpath, &dep])?;
    fs::remove_file(&source).unwrap();
    Some(())
}

/// Copies a directory with its links.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn kept(cache: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(cache) else { return Vec::new() };
    let paths = entries.map(|e| e.unwrap().path());
    paths.filter(|p| p.extension().is_some_and(|e| e == "run")).collect()
}

/// Alters what every kept result prints, so that it is known for one.
fn mark(cache: &Path) {
    for path in kept(cache) {
        let bytes = fs::read(&path).unwrap();
        let (contents, _) = LABEL.open(&bytes).unwrap();
        let mut contents = contents.to_vec();
        let at = contents.windows(10).rposition(|w| w == b"\"verdict\":").unwrap();
        contents[at..at + 10].copy_from_slice(b"\"VERDICT\":");
        fs::write(&path, LABEL.seal(&contents)).unwrap();
    }
}

fn is_marked(o: &Output) -> bool {
    o.stdout.windows(10).any(|w| w == b"\"VERDICT\":")
}

fn settle() {
    // What has just changed is not kept: file systems count time in steps.
    std::thread::sleep(Duration::from_millis(2300));
}

/// One way to change what a result rests on.
type Change = (&'static str, fn(&Path));

const CHANGES: &[Change] = &[
    ("contents, with size and time as before", |dir| {
        let path = dir.join("b/libdep.so.1.0");
        let (mut bytes, time) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
        bytes[4] = 1;
        fs::write(&path, bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    }),
    ("a link leads elsewhere", |dir| {
        fs::copy(dir.join("main/libmain.so"), dir.join("b/other")).unwrap();
        fs::remove_file(dir.join("b/libdep.so.1")).unwrap();
        symlink("other", dir.join("b/libdep.so.1")).unwrap();
    }),
    ("a file appears earlier in the search path", |dir| {
        fs::write(dir.join("a/libdep.so.1"), b"no library").unwrap();
    }),
    ("a directory is gone", |dir| fs::remove_dir_all(dir.join("b")).unwrap()),
    ("a library is gone", |dir| fs::remove_file(dir.join("main/libmain.so")).unwrap()),
    ("a library is new", |dir| {
        fs::copy(dir.join("main/libmain.so"), dir.join("main/libnew.so")).unwrap();
    }),
    ("rights", |dir| {
        fs::set_permissions(dir.join("b/libdep.so.1.0"), fs::Permissions::from_mode(0o000)).unwrap();
    }),
    ("another file under the same name", |dir| {
        fs::copy(dir.join("b/libdep.so.1.0"), dir.join("b/copy")).unwrap();
        fs::rename(dir.join("b/copy"), dir.join("b/libdep.so.1.0")).unwrap();
    }),
];

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_result_is_given_again_until_anything_it_rests_on_changes() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    if tree(&base.join("t")).is_none() {
        return;
    }
    for (at, _) in CHANGES.iter().enumerate() {
        copy(&base.join("t"), &base.join(format!("t{at}")));
    }
    settle();
    for (at, (what, change)) in CHANGES.iter().enumerate() {
        let (tree, cache) = (base.join(format!("t{at}")), base.join(format!("c{at}")));
        let main = text(&tree.join("main"));
        let first = audit(&[&main], Some(&cache));
        assert_eq!(first.stdout, audit(&[&main], None).stdout, "{what}");
        assert_eq!(kept(&cache).len(), 1, "{what}: {}", String::from_utf8_lossy(&first.stderr));
        assert_eq!(first.stdout, audit(&[&main], Some(&cache)).stdout, "{what}");
        mark(&cache);
        let second = audit(&[&main], Some(&cache));
        assert!(is_marked(&second) && second.status.code() == first.status.code(), "{what}");
        // Another number of threads, and a file in the place of the screen, are the same result.
        assert!(is_marked(&audit(&[&main, "--jobs", "1"], Some(&cache))), "{what}");
        change(&tree);
        let after = audit(&[&main], Some(&cache));
        assert!(!is_marked(&after), "{what} is not noticed");
        assert_eq!(after.stdout, audit(&[&main], None).stdout, "{what}");
    }
}

/// A root with this machine's loader and libc, and a file in the place of the cache.
fn root(base: &Path) -> (PathBuf, PathBuf) {
    let o = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"))
        .args(["loader", "--format", "json"])
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
    let interpreter = document["loader"]["interpreter"].as_str().unwrap().to_owned();
    let system = document["loader"]["system_dirs"][0].as_str().unwrap().to_owned();
    let root = base.join("root");
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    for place in [&interpreter, &format!("{system}libc.so.6")] {
        fs::create_dir_all(below(place).parent().unwrap()).unwrap();
        fs::copy(place, below(place)).unwrap();
    }
    fs::create_dir_all(below("/etc")).unwrap();
    fs::write(below("/etc/ld.so.cache"), b"no cache").unwrap();
    (root.clone(), below(&interpreter))
}

#[test]
fn loader_cache_environment_and_options_belong_to_a_result() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    if tree(&base.join("t")).is_none() {
        return;
    }
    let (root, interpreter) = root(&base);
    settle();
    let (main, tree, root_name) = (text(&base.join("t/main")), text(&base.join("t")), text(&root));
    let what = [main.as_str(), "--root", &root_name, "--bind", &tree];
    let touch = |path: &Path| fs::write(path, fs::read(path).unwrap()).unwrap();
    for (number, file) in [interpreter, root.join("etc/ld.so.cache")].iter().enumerate() {
        let cache = base.join(format!("c{number}"));
        if number == 1 {
            settle();
        }
        audit(&what, Some(&cache));
        mark(&cache);
        assert!(is_marked(&audit(&what, Some(&cache))));
        for other in [
            ["--env", "LD_LIBRARY_PATH=/x"],
            ["--cpu", "baseline"],
            ["--loader", "glibc-2.31"],
            ["--cwd", "/"],
        ] {
            assert!(!is_marked(&audit(&[&what[..], &other].concat(), Some(&cache))), "{other:?}");
        }
        for other in ["--lazy", "--strict", "--executables"] {
            assert!(!is_marked(&audit(&[&what[..], &[other]].concat(), Some(&cache))), "{other}");
        }
        touch(file);
        assert!(!is_marked(&audit(&what, Some(&cache))), "{}", file.display());
    }
    // What has just changed may change again unseen: it is not kept.
    let cache = base.join("fresh");
    touch(&base.join("t/main/libmain.so"));
    audit(&what, Some(&cache));
    assert_eq!(kept(&cache).len(), 0);
}

/// A cache with one result in it.
fn one() -> Option<(TempDir, String, PathBuf, Output)> {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    tree(&base.join("t"))?;
    settle();
    let (main, cache) = (text(&base.join("t/main")), base.join("c"));
    let first = audit(&[&main], Some(&cache));
    assert_eq!(kept(&cache).len(), 1);
    Some((dir, main, cache, first))
}

#[test]
fn a_damaged_result_is_made_anew() {
    let Some((_dir, main, cache, first)) = one() else { return };
    let path = kept(&cache).remove(0);
    let whole = fs::read(&path).unwrap();
    let step = whole.len() / 30 + 1;
    for at in (0..40).chain((40..whole.len()).step_by(step)) {
        let mut bad = whole.clone();
        bad[at] ^= 0x41;
        fs::write(&path, bad).unwrap();
        let o = audit(&[&main], Some(&cache));
        assert_eq!((o.stdout, o.status), (first.stdout.clone(), first.status), "byte {at}");
        assert_eq!(fs::read(&path).unwrap().len(), whole.len(), "byte {at}: not rebuilt");
    }
    for cut in [0, 5, 32, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(audit(&[&main], Some(&cache)).stdout, first.stdout, "{cut}");
    }
    // A checksum that is right over contents that make no sense: counts without end, and every byte wrong once.
    let (contents, _) = LABEL.open(&whole).unwrap();
    let printed = contents.windows(9).rposition(|w| w == b"{\"path\":\"").unwrap();
    for at in (0..printed).step_by(printed / 20 + 1) {
        let mut bad = contents.to_vec();
        bad[at..].fill(0xff);
        fs::write(&path, LABEL.seal(&bad)).unwrap();
        assert_eq!(audit(&[&main], Some(&cache)).stdout, first.stdout, "{at}");
    }
}

#[test]
fn runs_side_by_side_and_caches_that_cannot_be_used_do_no_harm() {
    let Some((dir, main, cache, first)) = one() else { return };
    let base = dir.path();
    for path in kept(&cache) {
        fs::remove_file(path).unwrap();
    }
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let mut c = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
            c.args(["audit", "--format", "ndjson", &main, "--cache"]).arg(&cache).env_remove("CI");
            c.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for run in runs {
        assert_eq!(run.wait_with_output().unwrap().stdout, first.stdout);
    }
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1, "unfinished files are left");
    symlink(&cache, base.join("link")).unwrap();
    fs::create_dir(base.join("open")).unwrap();
    fs::set_permissions(base.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(base.join("file"), b"").unwrap();
    for bad in ["link", "open", "file"] {
        let o = audit(&[&main], Some(&base.join(bad)));
        assert_eq!(o.stdout, first.stdout, "{bad}");
        assert!(String::from_utf8_lossy(&o.stderr).contains("not used as a cache"), "{bad}");
    }
    assert_eq!(fs::read_dir(base.join("open")).unwrap().count(), 0);
    // Nothing can be written: every run is done.
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(audit(&[&main], Some(&cache)).stdout, first.stdout);
    assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o777, 0o500);
}

#[test]
fn an_sdk_is_part_of_what_a_result_rests_on() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(dir.path()).unwrap();
    let mut library = image::Image::library(image::X86_64);
    let bind = [&[0x11][..], b"\x40_asked\0", &[0x51, 0x71, 0, 0x90, 0]].concat();
    library.data = vec![0; 8];
    library.info(&bind, &[], &[], &image::trie(&[("_own", image::regular(0x100))]));
    for sub in ["l", "sdk/usr/lib"] {
        fs::create_dir_all(base.join(sub)).unwrap();
    }
    fs::write(base.join("l/liba.dylib"), library.build()).unwrap();
    let stub = |symbol: &str| {
        let targets = "[ x86_64-macos ]";
        let text = format!(
            "--- !tapi-tbd\ntbd-version: 4\ntargets: {targets}\ninstall-name: '/usr/lib/libSystem.B.dylib'\n\
             exports:\n  - targets: {targets}\n    symbols: [ {symbol} ]\n...\n"
        );
        fs::write(base.join("sdk/usr/lib/libSystem.B.tbd"), text).unwrap();
    };
    stub("_asked");
    settle();
    let (l, sdk, cache) = (text(&base.join("l")), text(&base.join("sdk")), base.join("c"));
    let what = [l.as_str(), "--loader", "macos-14-x86_64", "--sdk", &sdk];
    let verdict = |o: &Output| {
        let line: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
        line["verdict"].as_str().map(str::to_owned)
    };
    assert_eq!(verdict(&audit(&what, Some(&cache))).as_deref(), Some("loads"));
    mark(&cache);
    assert!(is_marked(&audit(&what, Some(&cache))));
    stub("_other");
    assert_eq!(verdict(&audit(&what, Some(&cache))).as_deref(), Some("fails"));
}
