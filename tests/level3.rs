//! Level 3 on the command line: what is loaded and what is not, what reports say of it, and how the run ends.
//! It must never depend on what is installed: every library is compiled here.
//! The outcomes are those of a fresh process that calls `dlopen`; the prediction stays beside them.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the program")]

#[path = "probe/libraries.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod libraries;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libraries::compile;
use serde_json::Value;

fn run(arguments: &[&str], paths: &[&Path]) -> Output {
    run_in(arguments, paths, &[])
}

fn run_in(arguments: &[&str], paths: &[&Path], variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.args(arguments).args(paths).env_remove("TSUKU_DLTEST_PATH");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

const NDJSON: &[&str] = &["verify", "--level", "3", "--format", "ndjson"];

fn ndjson(more: &[&str], paths: &[&Path]) -> (Option<i32>, Vec<Value>) {
    let output = run(&[NDJSON, more].concat(), paths);
    (output.status.code(), lines(&output))
}

fn crash(dir: &Path) -> PathBuf {
    compile(dir, "crash", "volatile int *volatile z = 0; *z = 1;")
}

#[test]
fn each_library_has_its_own_probe() {
    let dir = tempfile::tempdir().unwrap();
    let (good, crash) = (compile(dir.path(), "good", "getpid();"), crash(dir.path()));
    let quiet = dir.path().join("libquiet.so");
    let source = dir.path().join("quiet.c");
    std::fs::write(&source, "int f(void) { return 1; }\n").unwrap();
    let made = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&quiet).arg(&source).status();
    assert!(made.unwrap().success());
    let gone = dir.path().join("libgone.so");
    let (status, lines) = ndjson(&[], &[&good, &crash, &quiet, &gone]);
    assert_eq!(status, Some(7));
    let outcomes: Vec<_> = lines.iter().map(|l| l["probe"]["outcome"].as_str().unwrap()).collect();
    // Where every machine's code is read, nothing of `quiet` runs; elsewhere it is loaded to make sure.
    let idle = if cfg!(target_arch = "x86_64") { "not-run" } else { "loaded" };
    assert_eq!(outcomes, ["loaded", "crashed", idle, "not-run"]);
    assert_eq!(lines[1]["verdict"], "loads");
    assert_eq!(lines[1]["probe"]["signal"], "SIGSEGV");
    assert_eq!(lines[1]["findings"][0]["code"], "crashes-while-loading");
    assert_eq!((&lines[0]["level_reached"], &lines[1]["level_reached"]), (&3.into(), &2.into()));
    let (_, all) = ndjson(&["--probe", "always"], &[&quiet, &gone]);
    assert_eq!(
        (&all[0]["probe"]["outcome"], &all[1]["probe"]["outcome"]),
        (&"loaded".into(), &"refused".into())
    );
    assert_eq!(all[1]["probe"]["message"], all[1]["message"]);
    assert_eq!(
        (&all[0]["probe"]["agreement"], &all[1]["probe"]["agreement"]),
        (&"same".into(), &"same".into())
    );
    let (status, never) = ndjson(&["--probe", "never"], &[&crash]);
    assert_eq!((status, &never[0]["probe"]["outcome"]), (Some(0), &"not-run".into()));
}
