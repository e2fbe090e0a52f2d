//! The gate before programs that are wrong in one thing each. The programs are scripts that answer as the real ones do.
//! That the real ones pass is shown by `cargo xtask local`.

use std::path::PathBuf;

use tempfile::TempDir;
use xtask::compile::check_toolchain;
use xtask::files;
use xtask::gate::gate;
use xtask::problem::Problem;
use xtask::reproduce::compare_file;

use crate::support::{plan, root, targets};

/// `HELPER` is the helper's path and `SUM` its hash.
const PROGRAM: &str = r#"#!/bin/sh
case "$*" in
--version) echo "tsuku-verify 1.2.3" ;;
"helper status") echo '{"pin": "SUM", "embedded": "SUM"}' ;;
"helper export -") cat HELPER ;;
"helper check "*)
    cmp -s "$3" HELPER || exit 3
    [ -z "$(find "$3" -perm -002)" ] || exit 3
    ;;
*--helper*) exit 3 ;;
"verify --level 2 "*libbroken.so) echo "undefined symbol: tsuku_nobody_has_this"; exit 7 ;;
"verify --level 3 --require-level3 "*libbroken.so) echo "undefined symbol: tsuku_nobody_has_this"; exit 7 ;;
"verify --level 2 "*libgood.so) ;;
"verify --level 3 --require-level3 "*libgood.so) echo "  really loaded: loaded" ;;
*) exit 2 ;;
esac
"#;
const HELPER: &str = r#"#!/bin/sh
[ "$1" != --version ] || { echo "tsuku-dltest v1.2.3"; exit 0; }
printf '[{"path":"%s","ok":true},{"path":"%s","ok":false,"error":"undefined symbol: tsuku_nobody_has_this"}]\n' "$1" "$2"
exit 1
"#;

/// This machine's binaries, with changes.
fn judge(program: (&str, &str), helper: (&str, &str)) -> Result<(), Problem> {
    let dir: TempDir = tempfile::tempdir().unwrap();
    let all = targets();
    let platform = all.this_machine().unwrap();
    let place: PathBuf = dir.path().join(&platform.helpers[0].asset);
    let change = |text: &str, (from, to): (&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let text = change(HELPER, helper);
    files::write(&place, &text).unwrap();
    let text = change(PROGRAM, program)
        .replace("HELPER", &place.display().to_string())
        .replace("SUM", &files::sha256(text.as_bytes()));
    files::write(&dir.path().join(&platform.program.asset), text).unwrap();
    gate(dir.path(), platform, &plan())
}

const SAME: (&str, &str) = ("exit", "exit");

#[test]
fn programs_that_do_what_they_are_for() {
    judge(SAME, SAME).unwrap();
}

#[test]
fn each_thing_that_is_wrong_is_refused_at_its_step() {
    let wrong_programs = [
        // Of another version, or with a word of its own.
        ("program-version", "tsuku-verify 1.2.3", "tsuku-verify 1.2.4"),
        ("program-version", "tsuku-verify 1.2.3\"", "tsuku-verify 1.2.3\"; echo warning >&2"),
        // It pins another helper, carries another, gives out another.
        ("helper-status", "\"pin\": \"SUM\"", "\"pin\": \"\""),
        ("helper-status", "\"embedded\": \"SUM\"", "\"embedded\": \"0\""),
        ("helper-status", "{\"pin\"", "\"pin\""),
        ("helper-export", "cat HELPER", "cat HELPER; echo"),
        // It takes a changed helper, one that everybody may write to, or refuses the right one.
        ("helper-trust", "cmp -s \"$3\" HELPER || exit 3", ":"),
        ("helper-trust", "cmp -s \"$3\" HELPER || exit 3", "[ -s \"$3\" ] || exit 3"),
        ("helper-trust", "[ -z \"$(find \"$3\" -perm -002)\" ] || exit 3", ":"),
        ("helper-trust", "cmp -s \"$3\" HELPER || exit 3", "exit 3"),
        // It passes a chosen helper over.
        ("helper-trust", "*--helper*) exit 3", "*--helper*) exit 0"),
        ("helper-trust", "*--helper*) exit 3", "*--helper*) exit 7"),
        // It calls the good library broken, the broken one good, or does not say why; at either level.
        (
            "good-library",
            "\"verify --level 2 \"*libgood.so) ;;",
            "\"verify --level 2 \"*libgood.so) exit 7 ;;",
        ),
        ("good-library", "\"verify --level 3 --require-level3 \"*libgood.so)", "never)"),
        ("good-library", "really loaded: loaded", "really loaded: not-run"),
        ("broken-library", "exit 7", "exit 0"),
        ("broken-library", "undefined symbol: tsuku_nobody_has_this", "it is broken"),
    ];
    for (wanted, from, to) in wrong_programs {
        let problem = judge((from, to), SAME).unwrap_err();
        assert!(
            matches!(&problem, Problem::Gate { step, .. } if *step == wanted),
            "{from} -> {to}: {problem}"
        );
    }
    let wrong_helpers = [
        ("helper-version", "tsuku-dltest v1.2.3", "tsuku-dltest 1.2.3"),
        ("helper-loads", "\"ok\":true", "\"ok\":false"),
        ("helper-loads", "\"ok\":false", "\"ok\":true"),
        ("helper-loads", "tsuku_nobody_has_this", "something"),
        ("helper-loads", "printf '[", "echo constructor; printf '["),
        ("helper-loads", "exit 1", "exit 0"),
    ];
    for (wanted, from, to) in wrong_helpers {
        let problem = judge(SAME, (from, to)).unwrap_err();
        assert!(
            matches!(&problem, Problem::Gate { step, .. } if *step == wanted),
            "{from} -> {to}: {problem}"
        );
    }
}

#[test]
fn bytes_that_differ_are_not_reproducible() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a/tsuku-verify-linux-amd64"), dir.path().join("b/other"));
    files::write(&first, b"same").unwrap();
    files::write(&second, b"same").unwrap();
    assert_eq!(compare_file(&first, &second).unwrap(), files::sha256(b"same"));
    files::write(&second, b"samf").unwrap();
    match compare_file(&first, &second) {
        Err(Problem::NotReproducible { asset, first, second }) => {
            assert_eq!(asset, "tsuku-verify-linux-amd64");
            assert_eq!((first, second), (files::sha256(b"same"), files::sha256(b"samf")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_compiler_makes_no_release() {
    let mut all = targets();
    let here = files::run(std::process::Command::new("rustc").arg("--version").current_dir(root())).unwrap();
    all.toolchain = here.split(' ').nth(1).unwrap().to_owned();
    check_toolchain(&all).unwrap();
    // As a beginning or an end it is another one.
    for other in [&all.toolchain[1..], &all.toolchain[..all.toolchain.len() - 1], "stable", ""] {
        let all = xtask::targets::Targets { toolchain: other.to_owned(), ..all.clone() };
        assert!(
            matches!(check_toolchain(&all), Err(Problem::Toolchain { expected, .. }) if expected == other)
        );
    }
}
