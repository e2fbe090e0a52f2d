//! `install.sh` against a release in a directory: what is right is installed, anything else leaves the old program in place.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use xtask::files;

use crate::support::{root, targets};

/// A release of scripts, laid out as the forge does.
fn release(version: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("download").join(format!("v{version}"));
    let mut rows = Vec::new();
    for p in targets().platforms {
        for (tool, v) in [("tsuku-verify", ""), ("tsuku-dltest", "v")] {
            let asset = format!("{tool}-{}", p.name);
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

fn installer(release: &Path, home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg(root().join("install.sh")).args(words).env("HOME", home);
    for name in ["TSUKU_VERIFY_VERSION", "TSUKU_VERIFY_DIR", "TSUKU_VERIFY_HELPER"] {
        command.env_remove(name);
    }
    command.env("TSUKU_VERIFY_BASE_URL", format!("file://{}", release.display()));
    command
}

fn install(release: &Path, home: &Path, words: &[&str]) -> Output {
    installer(release, home, words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Gives an asset of a release other bytes, and lists them.
fn relist(at: &Path, asset: &str, bytes: &str) {
    fs::write(at.join(asset), bytes).unwrap();
    let rows: Vec<_> = files::plain_files(at)
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name != "checksums.txt")
        .map(|(name, path)| (name, files::sha256(&fs::read(path).unwrap())))
        .collect();
    fs::write(at.join("checksums.txt"), xtask::pins::text(&rows)).unwrap();
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
        ("does not call itself", &|at| relist(at, &own, "#!/bin/sh\necho tsuku-verify 1.2.2\n")),
        ("does not call itself", &|at| relist(at, &own, "#!/bin/sh\necho tsuku-verify 11.2.3\n")),
        ("does not call itself", &|at| relist(at, &own, "#!/bin/sh\necho tsuku-verify 1.2.3-rc.1\n")),
        ("does not call itself", &|at| relist(at, &own, "#!/bin/sh\necho other 1.2.3\n")),
        ("does not run here", &|at| relist(at, &own, "#!/bin/sh\necho tsuku-verify 1.2.3\nexit 1\n")),
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
fn a_helper_that_does_not_fit_leaves_the_old_program_too() {
    for damage in ["#!/bin/sh\necho tsuku-dltest v1.2.2\n", "#!/bin/sh\necho 1.2.3\n"] {
        for words in [&["--with-helper"][..], &["--with-helper", "--version", "v1.2.3"]] {
            let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
            let bin = home.path().join(".local/bin");
            files::write(&bin.join("tsuku-verify"), "old").unwrap();
            relist(&release.path().join("download/v1.2.3"), &own("tsuku-dltest"), damage);
            let output = install(release.path(), home.path(), words);
            assert!(said(&output).contains("does not call itself v1.2.3"), "{}", said(&output));
            assert_eq!(fs::read_to_string(bin.join("tsuku-verify")).unwrap(), "old");
            assert_eq!(fs::read_dir(&bin).unwrap().count(), 1);
        }
    }
    // Something else is where the helper goes.
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    let bin = home.path().join(".local/bin");
    fs::create_dir_all(bin.join("tsuku-dltest")).unwrap();
    let output = install(release.path(), home.path(), &["--with-helper"]);
    assert!(said(&output).contains("is a directory"), "{}", said(&output));
    assert!(!bin.join("tsuku-verify").exists());
}

#[test]
fn a_helper_is_asked_for_with_one_and_not_with_zero() {
    for (value, status, there) in [("0", 0, false), ("", 0, false), ("1", 0, true), ("no", 1, false)] {
        let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
        let output =
            installer(release.path(), home.path(), &[]).env("TSUKU_VERIFY_HELPER", value).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{value:?}: {}", said(&output));
        assert_eq!(home.path().join(".local/bin/tsuku-dltest").exists(), there, "{value:?}");
    }
}

/// As behind `curl ... | sh -s -- WORDS`.
fn through_a_pipe(script: &[u8], release: &Path, home: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-s", "--"]).args(words).env("HOME", home).current_dir(home);
    command.env("TSUKU_VERIFY_BASE_URL", format!("file://{}", release.display()));
    let mut sh = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A script that ends early reads no further.
    let _ = sh.stdin.take().unwrap().write_all(script);
    sh.wait_with_output().unwrap()
}

#[test]
fn a_script_through_a_pipe_is_whole_or_does_nothing() {
    let script = fs::read(root().join("install.sh")).unwrap();
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    let help = through_a_pipe(&script, release.path(), home.path(), &["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--base-url"));
    let ends = script.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    for end in ends.filter(|end| *end < script.len()) {
        through_a_pipe(&script[..end], release.path(), home.path(), &[]);
        assert!(!home.path().join(".local").exists(), "cut off after {end} bytes");
    }
    assert!(through_a_pipe(&script, release.path(), home.path(), &[]).status.success());
    assert!(home.path().join(".local/bin/tsuku-verify").exists());
}

#[test]
fn only_addresses_that_can_be_trusted() {
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    for base in ["http://example.org/releases", "ftp://example.org", "file://relative", "/tmp", "https:/x"] {
        let output = install(release.path(), home.path(), &["--base-url", base]);
        assert!(said(&output).contains("is neither https:// nor file://"), "{base}: {}", said(&output));
    }
    // A `curl` of our own, which notes what it is told and answers out of the directory.
    let tools = tempfile::tempdir().unwrap();
    let curl = tools.path().join("curl");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >>'{}/log'\nwhile [ \"$1\" != --output ]; do shift; done\ncp \"{}/${{3#https://example.org/}}\" \"$2\"\n",
        tools.path().display(),
        release.path().display()
    );
    files::write(&curl, text).unwrap();
    files::make_executable(&curl).unwrap();
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let output = installer(release.path(), home.path(), &["--base-url", "https://example.org"])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let log = fs::read_to_string(tools.path().join("log")).unwrap();
    assert_eq!(log.lines().count(), 2, "the list and the program: {log}");
    assert!(log.lines().all(|line| line.contains("--proto =https")), "{log}");
}

#[test]
fn the_directory_for_temporary_files_is_not_used() {
    let (release, home) = (release("1.2.3"), tempfile::tempdir().unwrap());
    // Where it may not hold programs, or is not there at all.
    let output =
        installer(release.path(), home.path(), &[]).env("TMPDIR", "/nonexistent/tmp").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // No home, and a directory relative to the current one.
    let output = installer(release.path(), home.path(), &[]).env_remove("HOME").output().unwrap();
    assert!(said(&output).contains("--dir"), "{}", said(&output));
    let mut relative = installer(release.path(), home.path(), &["--dir", "here/bin"]);
    assert!(relative.env_remove("HOME").current_dir(home.path()).status().unwrap().success());
    assert!(home.path().join("here/bin/tsuku-verify").exists());
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
        Err(_) => {
            let required = std::env::var_os("TSUKU_TEST_REQUIRE_RELEASE_TOOLS").is_some();
            assert!(!required, "shellcheck is not installed");
            eprintln!("skipped: shellcheck is not installed");
        }
    }
}
