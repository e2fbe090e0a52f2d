//! Roots with another C library: known by what is in them, not by their names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use xtask::files;
use xtask::problem::Problem;
use xtask::roots::{choose, must_hold};

use crate::support::{root, targets};

/// A root that looks like one with this glibc.
fn glibc(root: &Path, banner: &str) {
    let lib = root.join("lib/x86_64-linux-gnu");
    files::write(&lib.join("ld-linux-x86-64.so.2"), "loader").unwrap();
    files::write(&lib.join("libc.so.6"), format!("\0GNU C Library {banner}\n\0")).unwrap();
}

#[test]
fn a_root_is_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let found = |wanted: &str| match must_hold(at, wanted, "x86_64") {
        Ok(()) => None,
        Err(Problem::Root { found, expected, .. }) => {
            assert_eq!(expected, wanted);
            Some(found.join(", "))
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(found("glibc 2.31").as_deref(), Some(""));
    glibc(at, "(Debian GLIBC 2.31-13+deb11u13) stable release version 2.31.");
    assert_eq!(found("glibc 2.31"), None);
    // A later release under the same name; one that says nothing.
    glibc(at, "(Ubuntu GLIBC 2.42-0ubuntu3) stable release version 2.42.");
    assert_eq!(found("glibc 2.41").as_deref(), Some("glibc 2.42"));
    glibc(at, "");
    assert_eq!(found("glibc 2.41").as_deref(), Some("glibc ?"));
    // Two, of which a program could take either.
    files::write(&at.join("lib/ld-musl-x86_64.so.1"), "loader").unwrap();
    assert_eq!(found("musl").as_deref(), Some("glibc ?, musl"));
    fs::remove_dir_all(at.join("lib/x86_64-linux-gnu")).unwrap();
    assert_eq!(found("musl"), None);
    // For another processor.
    assert!(matches!(must_hold(at, "musl", "aarch64"), Err(Problem::Root { found, .. }) if found.is_empty()));
    // A link out of the root is this machine's loader.
    let machine = tempfile::tempdir().unwrap();
    files::write(&machine.path().join("ld.so"), "loader").unwrap();
    fs::remove_file(at.join("lib/ld-musl-x86_64.so.1")).unwrap();
    symlink(machine.path().join("ld.so"), at.join("lib/ld-musl-x86_64.so.1")).unwrap();
    assert_eq!(found("musl").as_deref(), Some(""));
}

#[test]
fn the_archive_is_the_one_of_this_machine() {
    let targets = targets();
    for archive in &targets.archives {
        let known = format!(
            "Somebody https://example.org/packages\n{0} https://example.org/{0}-security/\n{0} https://example.org/{0}/\n",
            archive.origin
        );
        let (found, mirror) = choose(&known, &targets.archives).unwrap();
        assert_eq!(
            (&found.origin, mirror),
            (&archive.origin, format!("https://example.org/{}/", archive.origin).as_str())
        );
        for libc in &targets.libcs {
            assert!(found.roots.iter().any(|root| root.libc == *libc));
        }
    }
    assert!(choose("Somebody https://example.org/\n", &targets.archives).is_none());
    assert!(choose("", &targets.archives).is_none());
}

#[test]
fn without_an_archive_nothing_is_made() {
    // An `apt-get` that knows nothing.
    let dir = tempfile::tempdir().unwrap();
    let apt = dir.path().join("apt-get");
    files::write(&apt, "#!/bin/sh\n").unwrap();
    files::make_executable(&apt).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["roots", "--make"])
        .arg(dir.path().join("roots"))
        .env("PATH", path)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("apt knows no archive"), "{output:?}");
    assert_eq!(fs::read_dir(dir.path().join("roots")).unwrap().count(), 0);
}
