//! `install.sh` against a release in a directory: what is right is installed, anything else leaves the old program in place.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use xtask::files;

use crate::support::{root, targets};

/// A release of scripts, laid out as the forge does.
fn release(version: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("download").join(format!("v{version}"));
    let mut rows = Vec::new();
    for p in targets().platforms {
        for (name, tool, v) in [("tsuku-verify", "tsuku-verify", ""), ("tsuku-dltest", "tsuku-dltest", "v")] {
            let asset = format!("{name}-{}", p.name);
            let text = format!("#!/bin/sh\necho '{tool} {v}{version}'\n");
            files::write(&at.join(&asset), &text).unwrap();
            rows.push((asset, files::sha256(text.as_bytes())));
        }
    }
    files::write(&at.join("checksums.txt"), xtask::pins::text(&rows)).unwrap();
    fs::create_dir(dir.path().join("latest")).unwrap();
    std::os::unix::fs::symlink(format!("../download/v{version}"), dir.path().join("latest/download"))
        .unwrap();
    dir
}

fn install(release: &Path, home: &Path, words: &[&str]) -> Output {
    Command::new("sh")
        .arg(root().join("install.sh"))
        .args(words)
        .env("HOME", home)
        .env("TSUKU_VERIFY_BASE_URL", format!("file://{}", release.display()))
        .output()
        .unwrap()
}

fn own(name: &str) -> String {
    format!("{name}-{}", targets().this_machine().unwrap().name)
}

#[test]
fn a_release_is_installed() {
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    let bin = home.path().join(".local/bin");
    for (words, helper) in [(&[][..], false), (&["--version", "v1.2.3", "--with-helper"], true)] {
        let output = install(release.path(), home.path(), words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = files::run(Command::new(bin.join("tsuku-verify")).arg("--version")).unwrap();
        assert_eq!(said, "tsuku-verify 1.2.3\n");
        assert_eq!(bin.join("tsuku-dltest").exists(), helper);
        assert!(String::from_utf8_lossy(&output.stdout).contains("is not in PATH"));
    }
    assert_eq!(fs::read_dir(&bin).unwrap().count(), 2, "nothing else is left there");
}

#[test]
fn what_does_not_fit_is_not_installed() {
    let own = own("tsuku-verify");
    type Damage<'a> = &'a dyn Fn(&Path);
    let cases: &[(&str, Damage<'_>)] = &[
        ("refusing", &|at| fs::write(at.join(&own), "#!/bin/sh\necho tsuku-verify 1.2.3 # evil\n").unwrap()),
        ("refusing", &|at| fs::write(at.join(&own), "").unwrap()),
        ("has no", &|at| fs::remove_file(at.join(&own)).unwrap()),
        ("has no", &|at| fs::remove_file(at.join("checksums.txt")).unwrap()),
        ("does not list", &|at| fs::write(at.join("checksums.txt"), "").unwrap()),
        ("does not list", &|at| {
            let list = fs::read_to_string(at.join("checksums.txt")).unwrap();
            fs::write(at.join("checksums.txt"), list.clone() + &list).unwrap();
        }),
        ("does not list", &|at| {
            let list = fs::read_to_string(at.join("checksums.txt")).unwrap();
            fs::write(at.join("checksums.txt"), list.replace('\n', "\r\n")).unwrap();
        }),
        ("does not list", &|at| {
            let list = fs::read_to_string(at.join("checksums.txt")).unwrap();
            fs::write(at.join("checksums.txt"), list.replace("tsuku-verify-", "x-tsuku-verify-")).unwrap();
        }),
        ("does not call itself", &|at| {
            let other = b"#!/bin/sh\necho tsuku-verify 1.2.2\n";
            fs::write(at.join(&own), other).unwrap();
            fs::write(at.join("checksums.txt"), format!("{}  {own}\n", files::sha256(other))).unwrap();
        }),
    ];
    for (wanted, damage) in cases {
        let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
        let old = home.path().join(".local/bin/tsuku-verify");
        files::write(&old, "old").unwrap();
        damage(&release.path().join("download/v1.2.3"));
        let output = install(release.path(), home.path(), &["--version", "v1.2.3"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{wanted}: {said}");
        assert!(said.contains(wanted), "{wanted}: {said}");
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(fs::read_dir(home.path().join(".local/bin")).unwrap().count(), 1);
    }
}

#[test]
fn words_and_versions_are_checked() {
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    for words in [
        &["--version"][..],
        &["--force"],
        &["--version", "v1/../../x"],
        &["--version", "1.2.3"],
        &["--version", "v9.9.9"],
        &["--version", ""],
    ] {
        assert_eq!(install(release.path(), home.path(), words).status.code(), Some(1), "{words:?}");
    }
    assert!(!home.path().join(".local/bin/tsuku-verify").exists());
    let help = install(release.path(), home.path(), &["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--base-url"));
}

#[test]
fn the_installer_knows_the_repository() {
    let text = fs::read_to_string(root().join("install.sh")).unwrap();
    assert!(text.contains(&format!("https://github.com/{}/releases", targets().repository)));
}

#[test]
fn shellcheck_finds_nothing() {
    match Command::new("shellcheck").arg(root().join("install.sh")).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => assert!(
            std::env::var_os("TSUKU_TEST_REQUIRE_RELEASE_TOOLS").is_none(),
            "shellcheck is not installed"
        ),
    }
}
