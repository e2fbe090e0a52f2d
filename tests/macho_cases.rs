//! Every `testdata/macho/*.case` is linked by the toolchain's own linker and judged under the dyld releases it names. There is
//! no dyld on this machine: each case cites the function of dyld's source that its text is taken from.
//!
//! `TSUKU_TEST_ONLY=text` picks cases by name, `TSUKU_TEST_KEEP=1` keeps the built files, `TSUKU_TEST_REQUIRE_ALL=1` turns
//! a missing linker into a failure.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a test harness builds files and starts processes")]
#![expect(clippy::print_stderr, reason = "skipped cases are said")]

#[path = "support/macho/mod.rs"]
mod macho;

use std::path::{Path, PathBuf};

#[test]
fn cases() {
    let Some(linker) = macho::build::linker() else {
        let required = std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_some_and(|all| all == "1");
        assert!(!required, "this toolchain has no rust-lld");
        eprintln!("skipped: this toolchain has no rust-lld");
        return;
    };
    let only = std::env::var("TSUKU_TEST_ONLY").unwrap_or_default();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/macho"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "case"))
            .filter(|path| path.to_string_lossy().contains(&only))
            .collect();
    paths.sort();
    let mut wrong = Vec::new();
    for path in &paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match macho::run::judge(&linker, path) {
            Ok(differences) if differences.is_empty() => {}
            Ok(differences) => wrong.push(format!("{name}\n{}", differences.join("\n"))),
            Err(why) => wrong.push(format!("{name}\n  broken case: {why}")),
        }
    }
    assert!(!paths.is_empty(), "no case was picked");
    assert!(wrong.is_empty(), "{} of {} cases failed\n\n{}\n", wrong.len(), paths.len(), wrong.join("\n\n"));
}
