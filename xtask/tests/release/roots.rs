//! Roots with another C library: known by what is in them, not by their names.

use std::env::consts::ARCH;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use xtask::files;
use xtask::problem::Problem;
use xtask::roots::{choose, must_hold};

use crate::support::{root, targets};

/// A root that looks like one with this glibc, for this machine.
fn glibc(root: &Path, banner: &str) {
    let lib = root.join(format!("lib/{ARCH}-linux-gnu"));
    let loader = if ARCH == "aarch64" { "ld-linux-aarch64.so.1" } else { "ld-linux-x86-64.so.2" };
    files::write(&lib.join(loader), "loader").unwrap();
    files::write(&lib.join("libc.so.6"), format!("\0GNU C Library {banner}\n\0")).unwrap();
}

#[test]
fn a_root_is_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let found = |wanted: &str| match must_hold(at, wanted, ARCH) {
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
    files::write(&at.join(format!("lib/ld-musl-{ARCH}.so.1")), "loader").unwrap();
    assert_eq!(found("musl").as_deref(), Some("glibc ?, musl"));
    fs::remove_dir_all(at.join(format!("lib/{ARCH}-linux-gnu"))).unwrap();
    assert_eq!(found("musl"), None);
    // For another processor.
    assert!(matches!(must_hold(at, "musl", "another"), Err(Problem::Root { found, .. }) if found.is_empty()));
    // A link out of the root is this machine's loader.
    let machine = tempfile::tempdir().unwrap();
    files::write(&machine.path().join("ld.so"), "loader").unwrap();
    fs::remove_file(at.join(format!("lib/ld-musl-{ARCH}.so.1"))).unwrap();
    symlink(machine.path().join("ld.so"), at.join(format!("lib/ld-musl-{ARCH}.so.1"))).unwrap();
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

/// An `apt-get` whose mirror has dropped the suite `$DROPPED`. What it fetches is the name of a directory in `$PACKAGES`.
const APT: &str = r#"#!/bin/sh
[ "$1" != indextargets ] || { echo "$KNOWN"; exit 0; }
for word in "$@"; do
    case $word in Dir::Etc::SourceList=*) read -r deb key address suite part <"${word#*=}" ;; esac
done
echo "$address" >>"$PACKAGES/../asked"
case "$*" in *" update")
    [ "$address $suite" != "https://mirror/ $DROPPED" ] || { echo "E: no Release file" >&2; exit 100; }
    exit 0
esac
echo "$suite-$word" >package.deb
"#;
const DPKG: &str = "#!/bin/sh\ncp -r \"$PACKAGES/$(cat \"$2\")\" \"$3\"\n";

#[test]
fn roots_are_made_from_the_mirror_or_from_where_old_suites_are_kept() {
    let targets = targets();
    let archive = &targets.archives[0];
    let dir = tempfile::tempdir().unwrap();
    let (tools, packages) = (dir.path().join("tools"), dir.path().join("packages"));
    for (name, text) in [("apt-get", APT), ("dpkg-deb", DPKG)] {
        files::write(&tools.join(name), text).unwrap();
        files::make_executable(&tools.join(name)).unwrap();
    }
    let place = |suite: &str, package: &str| packages.join(format!("{suite}-{package}"));
    for root in &archive.roots {
        let at = place(&root.suite, &root.package);
        match root.libc.strip_prefix("glibc ") {
            Some(release) => glibc(&at, &format!("stable release version {release}.")),
            None => files::write(&at.join(format!("lib/ld-musl-{ARCH}.so.1")), "loader").unwrap(),
        }
    }
    let make = |into: &str, dropped: &str| {
        let _ = fs::remove_file(dir.path().join("asked"));
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["roots", "--make"])
            .arg(dir.path().join(into))
            .env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()))
            .env("KNOWN", format!("{} https://mirror/", archive.origin))
            .env("DROPPED", dropped)
            .env("PACKAGES", &packages)
            .current_dir(root())
            .output()
            .unwrap();
        let asked = fs::read_to_string(dir.path().join("asked")).unwrap_or_default();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), asked)
    };
    let (status, said, asked) = make("all", "none");
    assert_eq!(status, Some(0), "{said}");
    assert!(!asked.contains(&archive.retired), "{asked}");
    for root in &archive.roots {
        must_hold(&dir.path().join(format!("all/{}-{}", root.suite, root.package)), &root.libc, ARCH)
            .unwrap();
    }
    // Made once, they stay.
    assert_eq!(make("all", "none").2, "");
    let dropped = &archive.roots[0];
    let (status, said, asked) = make("retired", &dropped.suite);
    assert_eq!(status, Some(0), "{said}");
    assert!(asked.contains(&archive.retired), "{asked}");
    // A suite that has moved on to another release is not taken.
    let at = place(&dropped.suite, &dropped.package);
    glibc(&at, "stable release version 2.99.");
    let (status, said, _) = make("moved", "none");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("root-differs") && said.contains("glibc 2.99"), "{said}");
    assert!(!dir.path().join(format!("moved/{}-{}", dropped.suite, dropped.package)).exists());
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
