//! A release that does not know its helper does not compile.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{root, targets};

/// Type-checks the program as a release; what the compiler says if it refuses.
fn check(target: &Path, version: &str, pins: Option<&str>) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--quiet", "--locked", "--package", "tsuku-verify", "--bin", "tsuku-verify"]);
    cargo.arg("--target-dir").arg(target).current_dir(root()).env("TSUKU_RELEASE_VERSION", version);
    cargo.env_remove("TSUKU_DLTEST_PINS").env_remove("TSUKU_DLTEST_EMBED");
    if let Some(text) = pins {
        let path = target.join("pins.txt");
        fs::create_dir_all(target).unwrap();
        fs::write(&path, text).unwrap();
        cargo.env("TSUKU_DLTEST_PINS", path);
    }
    let output = cargo.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What the package calls itself, as a build without the variables ends its version.
fn package_version() -> String {
    tsuku_verify::loader::helper::VERSION.trim_end_matches("-dev").to_owned()
}

#[test]
fn a_release_needs_the_hash_of_its_own_helper() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unpinned");
    let (version, sum) = (package_version(), "ab".repeat(32));
    let own = format!("tsuku-dltest-{}", targets().this_machine().unwrap().name);
    let refused = |version: &str, pins: Option<&str>, why: &str| {
        let text = check(&target, version, pins).unwrap_err();
        assert!(text.contains(why), "wanted {why:?}: {text}");
    };
    refused("9.9.9", None, "TSUKU_RELEASE_VERSION is 9.9.9, the package is");
    refused(&version, Some(&format!("{sum}  {own}\r\n")), "TSUKU_DLTEST_PINS");
    refused(&version, None, "has no hash of this platform's helper");
    refused(&version, Some(&format!("{sum}  {own}-musl\n")), "has no hash of this platform's helper");
    check(&target, &version, Some(&format!("{sum}  {own}\n"))).unwrap();
}
