//! The files others build on: the GitHub Action, the pre-commit hook, the script for images.
//! They must never name an option or command the program does not have.
//! The scripts are run; the two descriptions are read line by line.
#![expect(clippy::disallowed_methods, reason = "tests run the scripts they test")]

#[path = "support/home.rs"]
mod made;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use made::{damaged, program, stderr, stdout};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_action_annotates_and_hands_the_status_on() {
    let Some(m) = damaged() else { return };
    // The same home from inside its root, so that the status is not that of a missing loader.
    assert_eq!(m.run("doctor", &[]).status.code(), Some(7));
    let action = fs::read_to_string(file("action.yml")).unwrap();
    assert!(action.contains("using: composite") && action.contains("scripts/annotate"));
    for input in ["command", "tsuku-home", "sarif", "program"] {
        assert!(action.contains(&format!("${{{{ inputs.{input} }}}}")), "{input}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (sarif, told) = (dir.path().join("report.sarif"), dir.path().join("output"));
    let out = Command::new("bash")
        .arg(file("scripts/annotate"))
        .env("PROGRAM", env!("CARGO_BIN_EXE_tsuku-verify"))
        .env("WORDS", "doctor")
        .env("PLACE", m.at(""))
        .env("SARIF", &sarif)
        .env("GITHUB_OUTPUT", &told)
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(7), "{}", stderr(&out));
    assert!(stdout(&out).lines().any(|l| l.starts_with("::error file=")));
    assert!(fs::read_to_string(sarif).unwrap().contains("\"2.1.0\""));
    assert_eq!(fs::read_to_string(told).unwrap(), "status=7\n");
}

#[test]
fn the_hook_is_a_command_of_this_program() {
    let text = fs::read_to_string(file(".pre-commit-hooks.yaml")).unwrap();
    let entry = text.lines().find_map(|l| l.trim().strip_prefix("entry: tsuku-verify ")).unwrap();
    let Some(m) = damaged() else { return };
    let good = m.at("libs/zlib-1.9/lib/libtsz.so.1.0");
    let bad = m.at("libs/broken-first-1.0/lib/libshared.so.1");
    let status = |path: &Path| program().args(entry.split(' ')).arg(path).output().unwrap().status.code();
    assert_eq!((status(&good), status(&bad)), (Some(0), Some(7)));
}

#[test]
fn images_are_audited_from_outside() {
    let run = |args: &[&Path]| {
        let script = file("scripts/audit-image");
        Command::new("bash")
            .arg(script)
            .args(args)
            .env("PROGRAM", env!("CARGO_BIN_EXE_tsuku-verify"))
            .output()
            .unwrap()
    };
    assert_eq!(run(&[]).status.code(), Some(2));
    let Some(m) = damaged() else { return };
    let system =
        ["/lib", "/lib64", "/usr/lib"].iter().any(|d| Path::new(d).join("ld-linux-x86-64.so.2").exists());
    if !system {
        return;
    }
    // An image with a loader and a C library of its own.
    for (from, to) in [
        ("/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"),
        ("/lib/x86_64-linux-gnu/libc.so.6", "lib/libc.so.6"),
    ] {
        if !Path::new(from).exists() {
            return;
        }
        let to = m.root().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
    let out = run(&[m.root(), Path::new("/h/libs/zlib-1.9")]);
    assert_eq!(out.status.code(), Some(0), "{}{}", stdout(&out), stderr(&out));
    let out = run(&[m.root(), Path::new("/h/libs")]);
    assert_eq!(out.status.code(), Some(7), "{}", stderr(&out));
}
