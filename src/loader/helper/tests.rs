use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

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
    let ask = |path: &Path, pin: Option<&str>| pinned(path, pin, "none is embedded".into());
    // The right sum is not all: it has to be a helper of this version too.
    assert!(matches!(ask(&good, Some(&sum)), Err(HelperError::Refused { .. })));
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
    assert!(matches!(pinned(&good, None, String::new()), Err(HelperError::Unavailable { .. })));
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
