//! Level 3 on the command line: what is loaded and what is not, what reports say of it, and how the run ends.
//! It must never depend on what is installed: every library is compiled here.
//! The outcomes are those of a fresh process that calls `dlopen`; the prediction stays beside them.
#![expect(clippy::disallowed_methods, reason = "tests make files and start the program")]

#[path = "probe/libraries.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod libraries;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libraries::compile;
use serde_json::Value;

fn run(arguments: &[&str], paths: &[&Path]) -> Output {
    run_in(arguments, paths, &[])
}

fn run_in(arguments: &[&str], paths: &[&Path], variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.args(arguments).args(paths).env_remove("TSUKU_DLTEST_PATH");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

const NDJSON: &[&str] = &["verify", "--level", "3", "--format", "ndjson"];

fn ndjson(more: &[&str], paths: &[&Path]) -> (Option<i32>, Vec<Value>) {
    let output = run(&[NDJSON, more].concat(), paths);
    (output.status.code(), lines(&output))
}

fn crash(dir: &Path) -> PathBuf {
    compile(dir, "crash", "volatile int *volatile z = 0; *z = 1;")
}

#[test]
fn each_library_has_its_own_probe() {
    let dir = tempfile::tempdir().unwrap();
    let (good, crash) = (compile(dir.path(), "good", "getpid();"), crash(dir.path()));
    let quiet = dir.path().join("libquiet.so");
    let source = dir.path().join("quiet.c");
    std::fs::write(&source, "int f(void) { return 1; }\n").unwrap();
    let made = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&quiet).arg(&source).status();
    assert!(made.unwrap().success());
    let gone = dir.path().join("libgone.so");
    let (status, lines) = ndjson(&[], &[&good, &crash, &quiet, &gone]);
    assert_eq!(status, Some(7));
    let outcomes: Vec<_> = lines.iter().map(|l| l["probe"]["outcome"].as_str().unwrap()).collect();
    // Where every machine's code is read, nothing of `quiet` runs; elsewhere it is loaded to make sure.
    let idle = if cfg!(target_arch = "x86_64") { "not-run" } else { "loaded" };
    assert_eq!(outcomes, ["loaded", "crashed", idle, "not-run"]);
    assert_eq!(lines[1]["verdict"], "loads");
    assert_eq!(lines[1]["probe"]["signal"], "SIGSEGV");
    assert_eq!(lines[1]["findings"][0]["code"], "crashes-while-loading");
    assert_eq!((&lines[0]["level_reached"], &lines[1]["level_reached"]), (&3.into(), &2.into()));
    let (_, all) = ndjson(&["--probe", "always"], &[&quiet, &gone]);
    assert_eq!(
        (&all[0]["probe"]["outcome"], &all[1]["probe"]["outcome"]),
        (&"loaded".into(), &"refused".into())
    );
    assert_eq!(all[1]["probe"]["message"], all[1]["message"]);
    assert_eq!(
        (&all[0]["probe"]["agreement"], &all[1]["probe"]["agreement"]),
        (&"same".into(), &"same".into())
    );
    let (status, never) = ndjson(&["--probe", "never"], &[&crash]);
    assert_eq!((status, &never[0]["probe"]["outcome"]), (Some(0), &"not-run".into()));
}

#[test]
fn options_of_level_3_end_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "getpid();");
    let status = |arguments: &[&str]| run(&[NDJSON, arguments].concat(), &[&good]).status.code();
    assert_eq!(status(&["--require-level3"]), Some(0));
    assert_eq!(run(&["verify", "--require-level3"], &[&good]).status.code(), Some(2));
    assert_eq!(status(&["--timeout", "0"]), Some(2));
    // A choice never falls through, from wherever it comes.
    let gone = dir.path().join("gone");
    assert_eq!(status(&["--helper", gone.to_str().unwrap()]), Some(1));
    let by_variable = run_in(NDJSON, &[&good], &[("TSUKU_DLTEST_PATH", &gone)]);
    assert_eq!((by_variable.status.code(), by_variable.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&by_variable.stderr).contains("gone"));
    // Level 2 asks nobody.
    let unasked = run_in(&["verify"], &[&good], &[("TSUKU_DLTEST_PATH", &gone)]);
    assert_eq!(unasked.status.code(), Some(0));
    // Nothing is loaded below another root; that is said, and an error where it is required.
    let real = dir.path().canonicalize().unwrap();
    let root = ["--root", "/", "--bind", real.to_str().unwrap()];
    let inside = run(&[NDJSON, &root].concat(), &[&good]);
    let said = lines(&inside);
    assert_eq!((inside.status.code(), &said[0]["probe"]["outcome"]), (Some(0), &"not-run".into()));
    assert!(said[0]["probe"]["message"].as_str().unwrap().contains("--probe-loader"));
    assert_eq!(run(&[NDJSON, &root, &["--require-level3"]].concat(), &[&good]).status.code(), Some(1));
}

#[test]
fn the_embedded_helper_is_given_out_and_may_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let (good, file) = (compile(dir.path(), "good", "getpid();"), dir.path().join("tsuku-dltest"));
    let status = run(&["helper", "status"], &[]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let Some(sum) = status["embedded"].as_str() else {
        assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "no universal helper was built");
        return;
    };
    assert_eq!(run(&["helper", "export"], &[&file]).status.code(), Some(0));
    assert_eq!(run(&["helper", "export"], &[&file]).status.code(), Some(1), "no file is overwritten");
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(run(&["helper", "export", "-"], &[]).stdout, bytes);
    let json = ["verify", "--level", "3", "--format", "json", "--helper"];
    let document = |more: &[&str]| -> Value {
        let output = run(&[&json[..], &[file.to_str().unwrap()], more].concat(), &[&good]);
        serde_json::from_slice(&output.stdout).expect("a document")
    };
    let chosen = document(&[]);
    let helper = &chosen["level3"]["helper"];
    assert_eq!((helper["source"].as_str(), helper["sha256"].as_str()), (Some("override"), Some(sum)));
    assert_eq!(helper["pinned"], false);
    assert_eq!(chosen["level3"]["totals"]["outcomes"]["loaded"], 1);
    assert!(
        !document(&["--sandbox", "off"])["level3"]["in_force"]
            .as_array()
            .unwrap()
            .contains(&"seccomp".into())
    );
    // Whoever else could have written to it could have chosen for us.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = run(&[&json[..], &[file.to_str().unwrap()]].concat(), &[&good]);
    assert_eq!(open.status.code(), Some(1));
}

/// A helper of another version, which only knows the drop-in protocol.
fn script(dir: &Path, body: &str) -> PathBuf {
    let file = dir.join("other");
    let text =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && {{ echo tsuku-dltest v0.0.1; exit; }}\n{body}\n");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn a_chosen_helper_of_another_version_is_asked_by_the_drop_in_protocol() {
    let dir = tempfile::tempdir().unwrap();
    let good = compile(dir.path(), "good", "getpid();");
    let answers = [
        ("echo '[{\"path\":\"x\",\"ok\":true}]'", "loaded", "same"),
        ("echo '[{\"path\":\"x\",\"ok\":false,\"error\":\"no\"}]'; exit 1", "refused", "too-lax"),
        ("echo '[]'", "exited", "not-comparable"),
        ("kill -SEGV $$", "crashed", "not-comparable"),
        ("sleep 30", "timed-out", "not-comparable"),
    ];
    for (body, outcome, agreement) in answers {
        let file = script(dir.path(), body);
        let output =
            run(&[NDJSON, &["--timeout", "1", "--helper", file.to_str().unwrap()]].concat(), &[&good]);
        let said = lines(&output);
        let probe = &said[0]["probe"];
        assert_eq!(
            (&probe["outcome"], &probe["agreement"]),
            (&outcome.into(), &agreement.into()),
            "{body}: {output:?}"
        );
        assert!(String::from_utf8_lossy(&output.stderr).contains("0.0.1"), "{body}");
        assert_eq!(output.status.code(), Some(if outcome == "loaded" { 0 } else { 7 }), "{body}");
    }
    std::fs::write(dir.path().join("other"), "#!/bin/sh\necho something else\n").unwrap();
    let mute = run(&[NDJSON, &["--helper", dir.path().join("other").to_str().unwrap()]].concat(), &[&good]);
    assert_eq!(mute.status.code(), Some(1));
}

#[test]
fn contradictions_are_shown_with_their_evidence_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    // The contradicting loader is played by a helper that says the contrary of everything.
    let file = script(
        dir.path(),
        "case $1 in *libgood.so) echo '[{\"path\":\"x\",\"ok\":false,\"error\":\"never\"}]';; *) echo '[{\"path\":\"x\",\"ok\":true}]';; esac",
    );
    let (good, gone) = (compile(dir.path(), "good", "getpid();"), dir.path().join("libgone.so"));
    let told = |format: &str| {
        let asked = ["verify", "--level", "3", "--probe", "always", "--format", format, "--helper"];
        let output = run(&[&asked[..], &[file.to_str().unwrap()]].concat(), &[&good, &gone]);
        assert_eq!(output.status.code(), Some(7), "{format}");
        String::from_utf8(output.stdout).unwrap()
    };
    let document: Value = serde_json::from_str(&told("json")).unwrap();
    let finding = |index: usize| {
        let findings = document["libraries"][index]["findings"].as_array().unwrap();
        findings.iter().find(|f| f["code"] == "prediction-wrong").unwrap().clone()
    };
    assert_eq!(finding(0)["evidence"]["agreement"], "too-lax");
    assert_eq!(finding(0)["evidence"]["outcome"]["message"], "never");
    assert_eq!(finding(1)["evidence"]["agreement"], "too-strict");
    assert!(finding(1)["evidence"]["predicted"]["message"].as_str().unwrap().contains("No such file"));
    assert_eq!(document["level3"]["totals"]["contradictions"], 2);
    // The verdicts are as they were.
    assert_eq!(
        (&document["libraries"][0]["verdict"], &document["libraries"][1]["verdict"]),
        (&"loads".into(), &"fails".into())
    );
    let table = told("table");
    assert!(table.contains("PROBE") && table.contains("Contradictions (prediction-wrong)"), "{table}");
    assert!(table.contains("predicted: it loads; the loader: refused (never)"), "{table}");
    for format in ["sarif", "junit", "github"] {
        assert!(told(format).contains("prediction-wrong"), "{format}");
    }
    let explained = run(&["explain", "prediction-wrong"], &[]);
    assert!(String::from_utf8_lossy(&explained.stdout).contains("report it"));
}

#[test]
fn this_program_is_its_own_portable_helper() {
    let dir = tempfile::tempdir().unwrap();
    let (good, crash) = (compile(dir.path(), "good", ""), crash(dir.path()));
    let output = run(&["__tsuku-dltest"], &[&good, &crash]);
    assert_eq!(output.status.code(), Some(1));
    let array: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&array[0]["ok"], &array[1]["ok"]), (&true.into(), &false.into()));
    let version = run(&["__tsuku-dltest", "--version"], &[]);
    assert!(version.stdout.starts_with(b"tsuku-dltest v"));
}

#[test]
fn an_audit_loads_only_what_lies_below_its_directories_and_says_the_same_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
    for place in [&inside, &outside] {
        std::fs::create_dir(place).unwrap();
    }
    let mark = dir.path().join("mark");
    compile(&inside, "good", "getpid();");
    crash(&inside);
    let body = format!("close(open(\"{}\", O_CREAT | O_WRONLY, 0600));", mark.display());
    let other = compile(&outside, "other", &body);
    std::os::unix::fs::symlink(&other, inside.join("liblink.so")).unwrap();
    let audit = || run(&["audit", "--level", "3", "--format", "json", "--sandbox", "off"], &[&inside]);
    let (first, second) = (audit(), audit());
    assert_eq!(first.status.code(), Some(7));
    assert_eq!(first.stdout, second.stdout);
    let document: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(document["level3"]["totals"]["probed"], 2, "{document}");
    assert!(!mark.exists());
}

#[test]
fn another_loader_may_be_used() {
    let musl = PathBuf::from(format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH));
    if !musl.exists() {
        assert!(std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none(), "musl is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("libgone.so");
    let (_, said) = ndjson(&["--probe", "always", "--probe-loader", musl.to_str().unwrap()], &[&gone]);
    let message = said[0]["probe"]["message"].as_str().unwrap();
    assert!(message.starts_with("Error loading shared library"), "{message}");
    assert_eq!(said[0]["probe"]["agreement"], "not-comparable");
}
