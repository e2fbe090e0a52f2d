//! A release that does not know its helper does not compile.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::files;

use crate::support::{root, targets};

/// Type-checks the program with these of a release's variables; what the compiler says if it refuses.
fn check(target: &Path, variables: &[(&str, &str)]) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--quiet", "--locked", "--package", "tsuku-verify", "--bin", "tsuku-verify"]);
    cargo.arg("--target-dir").arg(target).current_dir(root());
    for name in ["TSUKU_RELEASE_VERSION", "TSUKU_DLTEST_PINS", "TSUKU_DLTEST_EMBED"] {
        cargo.env_remove(name);
    }
    let output = cargo.envs(variables.iter().copied()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What the package calls itself, as a build without the variables ends its version.
fn package_version() -> String {
    tsuku_verify::loader::helper::VERSION.trim_end_matches("-dev").to_owned()
}

#[test]
fn a_release_needs_the_hash_of_its_own_helper() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unpinned");
    fs::create_dir_all(&target).unwrap();
    let own = format!("tsuku-dltest-{}", targets().this_machine().unwrap().name);
    let (version, helper) = (package_version(), "the bytes of a helper");
    let (sum, other) = (files::sha256(helper.as_bytes()), "ab".repeat(32));
    let (embed, pins) = (target.join("helper"), target.join("pins.txt"));
    fs::write(&embed, helper).unwrap();
    let release = ("TSUKU_RELEASE_VERSION", version.as_str());
    let embed = ("TSUKU_DLTEST_EMBED", embed.to_str().unwrap());
    let pinned = |text: String| {
        fs::write(&pins, text).unwrap();
        ("TSUKU_DLTEST_PINS", pins.to_str().unwrap())
    };
    let refused = |variables: &[(&str, &str)], why: &str| {
        let text = check(&target, variables).unwrap_err();
        assert!(text.contains(why), "wanted {why:?}: {text}");
    };
    refused(&[("TSUKU_RELEASE_VERSION", "9.9.9")], "TSUKU_RELEASE_VERSION is 9.9.9, the package is");
    refused(&[release, pinned(format!("{sum}  {own}\r\n"))], "TSUKU_DLTEST_PINS");
    refused(&[release, embed], "has no hash of this platform's helper");
    refused(
        &[release, embed, pinned(format!("{sum}  {own}-musl\n"))],
        "has no hash of this platform's helper",
    );
    // Not the helper that is pinned: neither one that was given nor one that is built here.
    let wrong = format!("TSUKU_DLTEST_PINS says {other}");
    refused(&[release, embed, pinned(format!("{other}  {own}\n"))], &wrong);
    if targets().this_machine().unwrap().universal {
        refused(&[release, pinned(format!("{other}  {own}\n"))], &wrong);
    }
    // Pins make no release.
    refused(&[embed, pinned(format!("{sum}  {own}\n"))], "TSUKU_RELEASE_VERSION is not set");
    check(&target, &[release, embed, pinned(format!("{sum}  {own}\n"))]).unwrap();
}
