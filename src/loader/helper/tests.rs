use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;
use crate::loader::{ProbeOptions, ProbeOutcome, probe};

fn file(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_pinned_helper_has_the_known_hash_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), "good", b"helper", 0o755);
    let sum = sha256(b"helper");
    let ask = |path: &Path, pin: Option<&str>| pinned(path, pin, None);
    // The right bytes that do not run here are nobody's attack: they are of no use.
    assert!(matches!(ask(&good, Some(&sum)), Err(HelperError::Unavailable { .. })));
    // The right sum is not all: it has to be a helper of this version too.
    let speaks = format!("#!/bin/sh\necho tsuku-dltest v{VERSION}\n");
    let (speaking, its) = (file(dir.path(), "speaking", speaks.as_bytes(), 0o755), sha256(speaks.as_bytes()));
    assert_eq!(ask(&speaking, Some(&its)).unwrap().sha256, its);
    let old = "#!/bin/sh\necho tsuku-dltest v0.0.1\n";
    let (other, its) = (file(dir.path(), "old", old.as_bytes(), 0o755), sha256(old.as_bytes()));
    assert!(matches!(ask(&other, Some(&its)), Err(HelperError::Refused { .. })));
    let refused = |path: &Path| matches!(ask(path, Some(&sum)), Err(HelperError::Refused { .. }));
    assert!(refused(&file(dir.path(), "flipped", b"helpes", 0o755)));
    assert!(refused(&file(dir.path(), "truncated", b"helpe", 0o755)));
    assert!(refused(&file(dir.path(), "writable", b"helper", 0o777)));
    assert!(refused(dir.path()));
    let link = dir.path().join("link");
    symlink(&good, &link).unwrap();
    assert!(refused(&link));
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(refused(&fifo));
    let missing = ask(&dir.path().join("missing"), Some(&sum));
    assert!(matches!(missing, Err(HelperError::Unavailable { .. })));
}

#[test]
fn pins_are_found_by_the_whole_name() {
    let table = "tsuku-version:1.2.3;tsuku-pin:tsuku-dltest-linux-amd64-musl=11;tsuku-pin:tsuku-dltest-linux-amd64=22;";
    assert_eq!(pin_of(table, "tsuku-dltest-linux-amd64"), Some("22"));
    assert_eq!(pin_of(table, "tsuku-dltest-linux-amd64-musl"), Some("11"));
    assert_eq!(pin_of(table, "tsuku-dltest-linux"), None);
    assert_eq!(pin_of("tsuku-version:1.2.3-dev;", "tsuku-dltest-linux-amd64"), None);
    assert!(pins::TABLE.starts_with(&format!("tsuku-version:{VERSION};")));
}

#[test]
fn a_development_build_accepts_no_installed_helper() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), "good", b"helper", 0o755);
    assert!(matches!(pinned(&good, None, None), Err(HelperError::Unavailable { .. })));
}

#[test]
fn a_choice_never_falls_through() {
    let dir = tempfile::tempdir().unwrap();
    let chosen = Some(dir.path().join("missing"));
    let result = resolve(&HelperRequest { chosen, ..HelperRequest::default() });
    assert!(matches!(result, Err(HelperError::Chosen { .. })));
    assert!(result.unwrap_err().is_error());
}

#[test]
fn only_the_helper_of_this_build_is_accepted() {
    let Some(embedded) = EMBEDDED else { return };
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), "good", embedded, 0o755);
    assert_eq!(accept(&good).unwrap(), sha256(embedded));
    let mut other = embedded.to_vec();
    other[100] ^= 1;
    for (name, bytes, mode) in
        [("flipped", &other[..], 0o755), ("empty", b"", 0o755), ("writable", embedded, 0o777)]
    {
        let path = file(dir.path(), name, bytes, mode);
        assert!(matches!(accept(&path), Err(HelperError::Refused { .. })), "{name}");
    }
    assert!(matches!(accept(&dir.path().join("gone")), Err(HelperError::Refused { .. })));
}

/// While a helper is read, sealed and started, another process keeps replacing it: only bytes that were hashed may run.
fn replaced(rename: bool) {
    let Some(bytes) = EMBEDDED else { return };
    let dir = tempfile::tempdir().unwrap();
    let (path, evil, good) = (dir.path().join("helper"), dir.path().join("evil"), dir.path().join("good"));
    // The evil one has the same length and leaves a mark when it runs.
    let mark = dir.path().join("mark");
    let mut script = format!("#!/bin/sh\n: >{}\n", mark.display()).into_bytes();
    script.resize(bytes.len(), b'#');
    for (file, content) in [(&evil, script.as_slice()), (&good, bytes), (&path, bytes)] {
        fs::write(file, content).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
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
        let helper = match pinned(&path, Some(&good_sum), None) {
            Ok(helper) => helper,
            Err(_) => {
                other += 1;
                continue;
            }
        };
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
