//! Makes homes as tsuku leaves them, with libraries built on the spot, and damages them.
//! It must never depend on what is installed beyond a C library and a compiler.
//! Everything lies in a temporary directory that stands for `/`, so that reports are the same everywhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A home under construction at `/h` of a directory that stands for `/`.
pub struct Made {
    root: TempDir,
    libs: Map<String, Value>,
    tools: Map<String, Value>,
}

impl Made {
    pub fn new() -> Made {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("h/libs")).unwrap();
        fs::create_dir_all(root.path().join("h/tools/current")).unwrap();
        Made { root, libs: Map::new(), tools: Map::new() }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path of the home.
    pub fn at(&self, rel: &str) -> PathBuf {
        self.root.path().join("h").join(rel)
    }

    /// Writes a file.
    pub fn file(&self, rel: &str, contents: &[u8]) {
        let path = self.at(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub fn link(&self, rel: &str, target: &str) {
        let path = self.at(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    /// Builds `rel` from C; false where there is no compiler, unless everything is required.
    pub fn build(&self, rel: &str, source: &str, flags: &[&str]) -> bool {
        let path = self.at(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let c = self.root.path().join("source.c");
        fs::write(&c, source).unwrap();
        let built =
            Command::new("gcc").arg("-o").arg(&path).arg(&c).args(flags).current_dir(self.at("")).status();
        match built {
            Ok(status) => assert!(status.success(), "gcc failed for {rel}"),
            Err(_) if std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() => return false,
            Err(e) => panic!("gcc: {e}"),
        }
        true
    }

    /// A library that others name by `soname`, with its link.
    pub fn library(&self, tree: &str, soname: &str, source: &str, flags: &[&str]) -> bool {
        let file = format!("libs/{tree}/lib/{soname}.0");
        let name = format!("-Wl,-soname,{soname}");
        let all: Vec<&str> = ["-shared", "-fPIC", &name].into_iter().chain(flags.iter().copied()).collect();
        let built = self.build(&file, source, &all);
        self.link(&format!("libs/{tree}/lib/{soname}"), &format!("{soname}.0"));
        built
    }

    /// Records the tree as it is now.
    pub fn record(&mut self, name: &str, version: &str, sonames: &[&str], used_by: &[&str]) {
        let dir = self.at(&format!("libs/{name}-{version}"));
        let mut sums = Map::new();
        let mut todo = vec![dir.clone()];
        while let Some(at) = todo.pop() {
            for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    todo.push(entry.path());
                } else if kind.is_file() {
                    let sum: String = Sha256::digest(fs::read(entry.path()).unwrap())
                        .iter()
                        .map(|b| format!("{b:02x}"))
                        .collect();
                    let rel = entry.path().strip_prefix(&dir).unwrap().to_str().unwrap().to_owned();
                    sums.insert(rel, sum.into());
                }
            }
        }
        self.entry(name, version, json!({"used_by": used_by, "checksums": sums, "sonames": sonames}));
    }

    /// Puts an entry of a library into the state.
    pub fn entry(&mut self, name: &str, version: &str, entry: Value) {
        let versions = self.libs.entry(name).or_insert_with(|| json!({}));
        versions.as_object_mut().unwrap().insert(version.to_owned(), entry);
    }

    /// Puts an entry of a tool into the state.
    pub fn tool(&mut self, name: &str, entry: Value) {
        self.tools.insert(name.to_owned(), entry);
    }

    /// Writes the state.
    pub fn save(&self) {
        let state = json!({"installed": self.tools, "libs": self.libs, "unknown_field": [1]});
        self.file("state.json", serde_json::to_string_pretty(&state).unwrap().as_bytes());
    }

    /// Runs the program inside the root, with the system's libraries visible.
    pub fn run(&self, words: &str, more: &[&str]) -> Output {
        let mut c = program();
        let mut words = words.split_whitespace();
        c.arg(words.next().unwrap()).arg("--root").arg(self.root());
        for dir in ["/lib", "/lib64", "/usr", "/etc"].iter().filter(|d| Path::new(d).exists()) {
            c.arg("--bind").arg(dir);
        }
        c.args(["--tsuku-home", "/h", "--cwd", "/"]).args(words).args(more).output().unwrap()
    }
}

pub fn program() -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    c.env_remove("COLUMNS").env_remove("NO_COLOR").env_remove("TSUKU_HOME").stdin(Stdio::null());
    c
}

pub fn stdout(o: &Output) -> String {
    String::from_utf8(o.stdout.clone()).unwrap()
}

pub fn stderr(o: &Output) -> String {
    String::from_utf8(o.stderr.clone()).unwrap()
}

/// A home with one defect of each kind beside what is right; none without a compiler.
pub fn damaged() -> Option<Made> {
    let mut m = Made::new();
    let z = "int z(void){return 1;}";
    let plain = ["-nostdlib"];
    if !m.library("zlib-1.9", "libtsz.so.1", z, &plain) {
        return None;
    }
    m.library("zlib-1.10", "libtsz.so.1", z, &plain);
    m.record("zlib", "1.9", &["libtsz.so.1"], &["jq-1.7"]);
    m.record("zlib", "1.10", &["libtsz.so.1"], &[]);
    // Needs libtsz.so.1 and has no path to it: only the wrapper helps.
    let needs = "int z(void); int f(void){return z();}";
    let with_z = ["-nostdlib", "-Llibs/zlib-1.9/lib", "-l:libtsz.so.1"];
    m.library("chainless-2.0", "libchainless.so.2", needs, &with_z);
    m.record("chainless", "2.0", &["libchainless.so.2"], &[]);
    // Its path names a version that is gone.
    let pin = [&with_z[..], &["-Wl,--disable-new-dtags,-rpath,$ORIGIN/../../zlib-0.1/lib"]].concat();
    m.library("pinned-1.0", "libpinned.so.1", needs, &pin);
    m.record("pinned", "1.0", &["libpinned.so.1"], &[]);
    // What it needs exists nowhere.
    m.library("gone-1.0", "libgone.so.1", z, &plain);
    m.library(
        "lost-1.0",
        "liblost.so.1",
        needs,
        &["-nostdlib", "-Llibs/gone-1.0/lib", "-l:libgone.so.1", "-Wl,--no-as-needed"],
    );
    fs::remove_dir_all(m.at("libs/gone-1.0")).unwrap();
    m.entry("gone", "1.0", json!({"used_by": null}));
    m.record("lost", "1.0", &["liblost.so.1"], &[]);
    // The name only its longer form is there for.
    m.library("nolink-1.0", "libnolink.so.1", z, &plain);
    m.record("nolink", "1.0", &["libnolink.so.1"], &[]);
    fs::remove_file(m.at("libs/nolink-1.0/lib/libnolink.so.1")).unwrap();
    // In front of a library that loads alone stands a broken one.
    m.library("right-1.0", "libshared.so.1", z, &plain);
    m.library(
        "app-lib-1.0",
        "libapp.so.1",
        needs,
        &[
            "-nostdlib",
            "-Llibs/right-1.0/lib",
            "-l:libshared.so.1",
            "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../../right-1.0/lib",
        ],
    );
    m.file("libs/broken-first-1.0/lib/libshared.so.1", b"\x7fELF");
    m.record("right", "1.0", &["libshared.so.1"], &[]);
    m.record("app-lib", "1.0", &["libapp.so.1"], &[]);
    m.record("broken-first", "1.0", &[], &[]);
    // Files that are not those that were installed.
    m.library("changed-1.0", "libchanged.so.1", z, &plain);
    m.file("libs/changed-1.0/include/a.h", b"a");
    m.file("libs/changed-1.0/include/b.h", b"b");
    m.record("changed", "1.0", &["libchanged.so.1"], &[]);
    m.file("libs/changed-1.0/include/a.h", b"other");
    fs::remove_file(m.at("libs/changed-1.0/include/b.h")).unwrap();
    m.library("changed-1.0", "libevil.so.1", z, &plain);
    m.link("libs/changed-1.0/lib/libchanged.so.1", "libevil.so.1.0");
    m.link("libs/changed-1.0/lib/libnowhere.so", "libnowhere.so.3");
    // What state and disk do not agree about.
    m.library("unknown-3.1-2", "libunknown.so.3", z, &plain);
    m.file("libs/headers-1.0/include/h.h", b"h");
    m.record("headers", "1.0", &[], &[]);
    m.file("libs/.zlib-2.0.staging/lib/libtsz.so.1", b"half");
    m.file("libs/.zlib-1.8.previous/lib/libtsz.so.1", b"old");
    // A tool that runs with the wrapper, and one of an old state.
    m.build(
        "tools/jq-1.7/bin/jq",
        "int z(void); void _start(void){z(); for(;;);}",
        &["-nostdlib", "-Llibs/zlib-1.9/lib", "-l:libtsz.so.1"],
    );
    m.tool("jq", json!({"active_version": "1.7", "versions": {"1.7": {"binaries": ["bin/jq"]}}, "runtime_dependencies": ["zlib"]}));
    m.tool("oldtool", json!({"version": "1.0.0", "is_explicit": true, "required_by": []}));
    m.save();
    Some(m)
}
