//! The universal helper as a file: what it needs, under which C libraries it runs, and that what runs is what was sealed.
//! A root directory with another C library is used where one is given in `TSUKU_TEST_ROOTS`; its absence is said.
//! The reader of the file is goblin, which the program itself does not use.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the helper")]
#![expect(clippy::print_stderr, reason = "skipped parts are said")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tsuku_verify::loader::helper::{EMBEDDED, HelperRequest, resolve, sha256};
use tsuku_verify::loader::{ProbeOptions, ProbeOutcome, probe};

fn skip(what: &str) {
    assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "{what}");
    eprintln!("skipped: {what}");
}

#[test]
fn it_needs_only_libc_and_libdl_without_versions() {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    assert!(bytes.len() < 16 << 10, "{} bytes", bytes.len());
    let elf = goblin::elf::Elf::parse(bytes).unwrap();
    assert_eq!(elf.libraries, ["libc.so.6", "libdl.so.2"]);
    assert!(elf.verneed.is_none() && elf.versym.is_none() && elf.verdef.is_none());
    assert!(elf.runpaths.is_empty() && elf.rpaths.is_empty());
    let functions = elf.dynsyms.iter().filter(|symbol| symbol.st_shndx == 0 && symbol.st_name != 0).count();
    assert!(functions <= 40, "{functions} functions of the C library");
}

#[test]
fn it_runs_under_every_c_library_at_hand() {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    let dir = tempfile::tempdir().unwrap();
    let helper = dir.path().join("tsuku-dltest");
    std::fs::write(&helper, bytes).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask = |loader: &Path, options: &[&str]| {
        let output = Command::new(loader)
            .args(options)
            .arg(&helper)
            .arg("/nonexistent/libgone.so")
            .arg("--")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{}: {text}", loader.display());
        assert_eq!(text.matches("\"ok\":false").count(), 2, "{}: {text}", loader.display());
        assert!(text.contains("No such file or directory"), "{}: {text}", loader.display());
    };
    let musl = PathBuf::from(format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH));
    if musl.exists() {
        ask(&musl, &[]);
    } else {
        skip("musl is not installed");
    }
    // Other releases of glibc cannot be installed beside this machine's: whoever has roots with them names their directory.
    let Some(roots) = std::env::var_os("TSUKU_TEST_ROOTS") else {
        return eprintln!("skipped: TSUKU_TEST_ROOTS names no roots with other releases of glibc");
    };
    let (name, tuple) = match std::env::consts::ARCH {
        "aarch64" => ("ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        _ => ("ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
    };
    let mut asked = 0;
    for root in std::fs::read_dir(roots).unwrap().filter_map(Result::ok) {
        let places = ["lib", "usr/lib"].map(|lib| root.path().join(lib).join(tuple));
        if let Some(place) = places.iter().find(|place| place.join(name).exists()) {
            ask(&place.join(name), &["--library-path", place.to_str().unwrap()]);
            asked += 1;
        }
    }
    assert!(asked > 0, "no root has a loader for this machine");
}

/// While a helper is read, sealed and started, another process keeps replacing it: only bytes that were hashed may run.
fn replaced(rename: bool) {
    let Some(bytes) = EMBEDDED else { return skip("no universal helper was built") };
    let dir = tempfile::tempdir().unwrap();
    let (path, evil, good) = (dir.path().join("helper"), dir.path().join("evil"), dir.path().join("good"));
    // The evil one has the same length and leaves a mark when it runs.
    let mark = dir.path().join("mark");
    let mut script = format!("#!/bin/sh\n: >{}\n", mark.display()).into_bytes();
    script.resize(bytes.len(), b'#');
    for (file, content) in [(&evil, script.as_slice()), (&good, bytes), (&path, bytes)] {
        std::fs::write(file, content).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let text = if rename {
        "while :; do cp -p \"$1\" \"$3.n\"; mv \"$3.n\" \"$3\"; cp -p \"$2\" \"$3.n\"; mv \"$3.n\" \"$3\"; done"
    } else {
        "while :; do cat \"$1\" >\"$3\"; cat \"$2\" >\"$3\"; done"
    };
    let mut attacker = Command::new("sh")
        .args(["-c", text, "sh"])
        .args([&evil, &good, &path])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (good_sum, mut ran, mut other) = (sha256(bytes), 0, 0);
    let end = Instant::now() + Duration::from_secs(20);
    while (ran < 100 || other < 100) && Instant::now() < end {
        let request = HelperRequest { chosen: Some(path.clone()), ..HelperRequest::default() };
        let Ok(helper) = resolve(&request) else { continue };
        // What a pinned helper is checked for; a chosen one has no pin, so the test plays that part.
        if helper.sha256 != good_sum {
            other += 1;
            continue;
        }
        let answers = probe(&[b"/nonexistent/libgone.so".to_vec()], &ProbeOptions::new(&helper, "/".into()));
        assert!(matches!(answers[0].0, ProbeOutcome::Refused { .. }), "{answers:?}");
        ran += 1;
    }
    attacker.kill().unwrap();
    attacker.wait().unwrap();
    assert!(!mark.exists(), "bytes ran that were not hashed ({ran} runs, {other} refusals)");
    assert!(ran > 0 && other > 0, "the attack never met the start: {ran} runs, {other} refusals");
}

#[test]
fn a_helper_rewritten_in_place_while_it_starts_never_runs() {
    replaced(false);
}

#[test]
fn a_helper_swapped_by_rename_while_it_starts_never_runs() {
    replaced(true);
}
