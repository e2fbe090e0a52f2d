//! The helpers and the program as tests start them.
//! It must never use what is installed: both helpers are those of this build.
//! A part that cannot be had here is skipped with a word, and is a failure where all is required.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tsuku_verify::loader::helper::{EMBEDDED, Helper, HelperRequest, resolve};

/// Says that a part is left out.
pub fn skip(what: &str) {
    assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "{what}");
    eprintln!("skipped: {what}");
}

/// The helpers as files, by name; a build without the universal one has only the other.
pub fn helpers() -> &'static [(&'static str, PathBuf)] {
    static HELPERS: OnceLock<(tempfile::TempDir, Vec<(&str, PathBuf)>)> = OnceLock::new();
    let (_, helpers) = HELPERS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let portable = dir.path().join("portable");
        std::fs::copy(env!("CARGO_BIN_EXE_tsuku-dltest"), &portable).unwrap();
        let mut helpers = vec![("portable", portable)];
        match EMBEDDED {
            Some(bytes) => {
                let path = dir.path().join("tsuku-dltest");
                std::fs::write(&path, bytes).unwrap();
                helpers.push(("universal", path));
            }
            None => skip("no universal helper was built"),
        }
        for (_, path) in &helpers {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        (dir, helpers)
    });
    helpers
}

/// One of them, chosen.
pub fn helper(path: &Path) -> Helper {
    resolve(&HelperRequest { chosen: Some(path.to_owned()), ..HelperRequest::default() }).unwrap()
}

/// `tsuku-verify verify --level 3`.
#[allow(dead_code, reason = "not every test starts the program")]
pub fn verify(options: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.args(["verify", "--level", "3"]).args(options).args(paths).env_remove("TSUKU_DLTEST_PATH");
    command
}

/// Waits for something that has to come about.
#[allow(dead_code, reason = "not every test waits")]
pub fn eventually(it: impl Fn() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while !it() {
        assert!(Instant::now() < end, "not within half a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
