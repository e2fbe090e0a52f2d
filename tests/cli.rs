//! The program from outside: exit statuses, formats, and names that mean harm.
//! It must never depend on what is installed beyond a C library and, where a library is built, a compiler.
//! What the loader would say is the business of the case tests; here it only has to come out whole.
#![expect(clippy::disallowed_methods, reason = "tests make the files they judge")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn program() -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    c.env_remove("COLUMNS").env_remove("NO_COLOR").stdin(Stdio::null());
    c
}

fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    program().args(args).output().unwrap()
}

fn stdout(o: &Output) -> String {
    String::from_utf8(o.stdout.clone()).unwrap()
}

fn stderr(o: &Output) -> String {
    String::from_utf8(o.stderr.clone()).unwrap()
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Builds a shared library; `None` where there is no compiler, unless everything is required.
fn library(dir: &Path, name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    let path = dir.join(name);
    let c = dir.join(format!("{name}.c"));
    fs::write(&c, source).unwrap();
    let built = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&path).arg(&c).args(flags).status();
    fs::remove_file(&c).unwrap();
    match built {
        Ok(status) => assert!(status.success(), "gcc failed"),
        Err(_) if std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() => return None,
        Err(e) => panic!("gcc: {e}"),
    }
    Some(path)
}

/// A directory with one library that loads and one that does not.
fn two() -> Option<(TempDir, PathBuf, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let good = library(dir.path(), "libgood.so", "int good(void){return 1;}", &[])?;
    let bad = library(dir.path(), "libbad.so", "int gone(void); int bad(void){return gone();}", &[])?;
    Some((dir, good, bad))
}

#[test]
fn exit_statuses_are_those_documented() {
    let Some((_dir, good, bad)) = two() else { return };
    let status = |args: &[&OsStr]| run(args).status.code();
    let verify = OsStr::new("verify");
    assert_eq!(status(&[verify, good.as_os_str()]), Some(0));
    assert_eq!(status(&[verify, good.as_os_str(), bad.as_os_str()]), Some(7));
    for (args, code) in [
        ("--help", 0),
        ("--version", 0),
        ("explain", 0),
        ("loader", 0),
        ("verify --root /nonexistent/root x", 1),
        ("verify --paths-from /nonexistent/list", 1),
        ("verify --host /nonexistent/program x", 1),
        ("audit /nonexistent/dir", 1),
        ("", 2),
        ("verify", 2),
        ("verify --level 4 x", 2),
        ("verify --env NOEQUALS x", 2),
        ("verify --loader glibc-9 x", 2),
        ("verify --cpu pocket-calculator x", 2),
        ("verify --bind /d x", 2),
        ("verify --jobs 0 x", 2),
        ("explain no-such-thing", 2),
    ] {
        let out = run(words(args));
        assert_eq!(out.status.code(), Some(code), "{args}: {}", stderr(&out));
        assert_eq!(code == 0, out.stderr.is_empty(), "{args}");
    }
}

#[test]
fn quiet_leaves_only_the_status() {
    let Some((dir, _good, bad)) = two() else { return };
    for format in ["table", "json", "ndjson"] {
        let args = [OsStr::new("verify"), bad.as_os_str(), OsStr::new("--quiet"), OsStr::new("--format")];
        let out = program().args(args).arg(format).output().unwrap();
        assert_eq!((out.status.code(), out.stdout.len(), out.stderr.len()), (Some(7), 0, 0), "{format}");
    }
    let out = program().args(["audit", "-q"]).arg(dir.path()).output().unwrap();
    assert_eq!((out.status.code(), out.stdout.len()), (Some(7), 0));
}

#[test]
fn ndjson_has_its_fields_in_their_order() {
    let Some((_dir, good, bad)) = two() else { return };
    let out = program().args(["verify", "--format", "ndjson"]).args([&bad, &good]).output().unwrap();
    let text = stdout(&out);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    let fields =
        ["path", "verdict", "class", "message", "dies", "level_reached", "findings", "missing_symbols"];
    for line in &lines {
        let at: Vec<_> = fields.iter().map(|f| line.find(&format!("\"{f}\":")).unwrap()).collect();
        assert!(at.is_sorted(), "{line}");
    }
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(first["path"], bad.to_str().unwrap());
    assert_eq!((&first["verdict"], &first["dies"]), (&Value::from("fails"), &Value::Null));
    assert_eq!(first["message"], format!("{}: undefined symbol: gone", bad.display()));
    let finding = &first["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&"symbol-not-found".into(), &"error".into()));
    assert_eq!(finding["evidence"]["reference"]["name"], "gone");
    assert!(finding["hint"].as_str().is_some_and(|h| !h.is_empty()));
    assert_eq!(first["missing_symbols"]["count"], 1);
    assert_eq!(first["missing_symbols"]["first"][0]["name"], "gone");
    let second: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((&second["verdict"], &second["class"]), (&Value::from("loads"), &Value::Null));
    assert_eq!(second["level_reached"], 2);
}

#[test]
fn json_is_one_document() {
    let Some((dir, _good, bad)) = two() else { return };
    let out = program().args(["audit", "--format", "json"]).arg(dir.path()).output().unwrap();
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&document["schema_version"], &document["tool"]["name"]), (&1.into(), &"tsuku-verify".into()));
    assert!(document["loader"]["version"].is_string());
    assert_eq!(document["totals"]["libraries"], 2);
    assert_eq!(document["libraries"].as_array().unwrap().len(), 2);
    assert_eq!(document["root_causes"][0]["subject"], "gone");
    assert_eq!(document["root_causes"][0]["libraries"][0], bad.to_str().unwrap());
    assert!(document["unlisted"].as_array().unwrap().is_empty());
}

#[test]
fn bytes_of_a_path_survive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(OsString::from_vec(b"lib\xff\n\".so".to_vec()));
    fs::write(&path, "no library").unwrap();
    let out = program().args(["verify", "--format", "ndjson"]).arg(&path).output().unwrap();
    let text = stdout(&out);
    assert_eq!(text.lines().count(), 1);
    assert_eq!(text.matches(r#"lib\udcff\n\".so"#).count(), 2, "path and message: {text}");
    assert!(text.contains(r#""object":{"bytes":""#) && text.contains(r#"6c6962ff0a222e736f"}"#), "{text}");
}

#[test]
fn paths_are_separated_by_nul_if_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a\nb");
    fs::write(&odd, "").unwrap();
    let list = dir.path().join("list");
    let gone = dir.path().join("gone");
    fs::write(&list, [odd.as_os_str().as_bytes(), b"\0", gone.as_os_str().as_bytes(), b"\0"].concat())
        .unwrap();
    let out = program().args(["verify", "--format", "ndjson", "--paths-from"]).arg(&list).output().unwrap();
    let lines: Vec<Value> = stdout(&out).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["path"], odd.to_str().unwrap());
    assert_eq!(lines[0]["message"], format!("{}: file too short", odd.display()));
    assert_eq!(lines[1]["findings"][0]["code"], "cannot-open");
    assert_eq!(out.status.code(), Some(7));
}

#[test]
fn paths_come_from_standard_input_and_one_lost_path_stops_nothing() {
    let Some((dir, good, _bad)) = two() else { return };
    let mut child = program()
        .args(["verify", "--format", "ndjson", "--paths-from", "-"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"./lost.so\nlibgood.so\n").unwrap();
    let out = child.wait_with_output().unwrap();
    let verdicts: Vec<Value> =
        stdout(&out).lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["verdict"].clone()).collect();
    assert_eq!(verdicts, ["fails", "loads"]);
    // The same from elsewhere, with the working directory given.
    let out = program().args(["verify", "libgood.so", "--cwd"]).arg(good.parent().unwrap()).output().unwrap();
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn hostile_names_reach_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "lib\u{1b}[2Jclear.so.1",
        "lib\u{1b}]0;title\u{7}.so.1",
        "lib\nloads  2  forged.so.1",
        "lib\u{202e}1.os.gpj.so.1",
        "lib\u{200b}z.so.1",
        "lib\u{9b}31mred.so.1",
    ];
    for name in names {
        fs::write(dir.path().join(name), "not a library").unwrap();
    }
    let raw = OsString::from_vec(b"lib\x9b\xff.so.1".to_vec());
    fs::write(dir.path().join(raw), "not a library").unwrap();
    for command in ["audit", "verify", "tree"] {
        let mut c = program();
        c.args([command, "--color", "never", "--verbose"]);
        match command {
            "audit" => c.arg(dir.path()),
            "tree" => c.arg(dir.path().join(names[0])),
            _ => c.args(fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path())),
        };
        let out = c.output().unwrap();
        let text = stdout(&out);
        let bad = |ch: char| (ch.is_control() && ch != '\n') || "\u{202e}\u{200b}".contains(ch);
        assert!(!text.chars().any(bad), "{command}: {text:?}");
        assert!(!text.lines().any(|l| l.starts_with("loads")), "{text}");
        assert!(text.contains("\\x1b[2J"), "{command}: {text}");
        assert_eq!(out.status.code(), Some(7));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_report() {
    let Some((dir, good, bad)) = two() else { return };
    for i in 0..60 {
        let from = if i % 3 == 0 { &bad } else { &good };
        fs::copy(from, dir.path().join(format!("libcopy{i}.so"))).unwrap();
    }
    for format in ["table", "json", "ndjson"] {
        let report = |jobs| {
            let out = program()
                .args(["audit", "-v", "--format", format, "--jobs", jobs])
                .arg(dir.path())
                .output()
                .unwrap();
            stdout(&out)
        };
        let one = report("1");
        assert!(one.contains("libcopy59.so"));
        assert_eq!(one, report("4"), "{format}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = program()
        .args(["verify", "--format", "ndjson", "--paths-from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let list: String = (0..5000).map(|i| format!("/nonexistent/lib{i}.so\n")).collect();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), stderr(&out).as_str()), (Some(0), ""));
    assert!(first.contains("lib0.so"));
}

#[test]
fn whoever_stops_reading_a_document_still_gets_its_status() {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..2000 {
        fs::write(dir.path().join(format!("libbroken{at}.so.1")), b"no library").unwrap();
    }
    for format in ["table", "json", "sarif", "junit", "github"] {
        let mut c = program();
        c.args(["audit", "--no-cache", "--format", format]).arg(dir.path());
        let mut child = c.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert_eq!((out.status.code(), stderr(&out).as_str()), (Some(7), ""), "{format}");
    }
}

#[test]
fn a_file_of_another_machine_is_foreign_to_loaders_that_do_not_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib32.so");
    // i386, which musl reads as if it were its own kind of file.
    let mut header = vec![0u8; 4096];
    header[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    (header[16], header[18], header[20], header[28], header[40], header[42], header[44]) =
        (3, 3, 1, 52, 52, 32, 1);
    fs::write(&path, header).unwrap();
    for loader in [None, Some("musl-1.2.5")] {
        let mut c = program();
        c.args(["verify", "--format", "ndjson"]).arg(&path);
        let out = c.args(loader.iter().flat_map(|name| ["--loader", name])).output().unwrap();
        if out.status.code() == Some(1) && std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() {
            continue; // This machine has no musl.
        }
        let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
        assert_eq!((&told["verdict"], &told["class"]), (&"fails".into(), &"foreign".into()), "{told}");
    }
}

#[test]
fn every_code_is_explained() {
    let list = stdout(&run(["explain"]));
    let codes: Vec<&str> = list.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(codes.len() > 40);
    for code in codes {
        let out = run(["explain", code]);
        assert_eq!(out.status.code(), Some(0));
        assert!(stdout(&out).starts_with(&format!("{code}: ")) && stdout(&out).contains("What to do"));
    }
}

#[test]
fn audit_goes_by_content() {
    let Some((dir, good, _bad)) = two() else { return };
    fs::copy(&good, dir.path().join("no-suffix")).unwrap();
    fs::write(dir.path().join("script.so"), "INPUT(libgood.so)").unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::hard_link(&good, dir.path().join("sub/again.so")).unwrap();
    std::os::unix::fs::symlink(&good, dir.path().join("link.so")).unwrap();
    let out = program().args(["audit", "-v"]).arg(dir.path()).output().unwrap();
    let text = stdout(&out);
    assert!(text.contains("3 libraries: 2 load, 1 fails"), "{text}");
    assert!(text.contains("no-suffix") && !text.contains("link.so") && !text.contains("script.so"));
    assert!(text.contains("symbol gone is defined nowhere in scope: breaks 1 library"));
}

#[test]
fn pipes_and_devices_get_a_result() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.so");
    if !Command::new("mkfifo").arg(&pipe).status().is_ok_and(|s| s.success()) {
        return;
    }
    let out = program().args(["verify", "--format", "ndjson"]).arg(&pipe).arg("/dev/null").output().unwrap();
    let lines: Vec<Value> = stdout(&out).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["dies"]["how"], "hang");
    assert_eq!(lines[1]["message"], "/dev/null: file too short");
}

#[test]
fn tree_tells_the_reason_of_every_edge() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let link = format!("-L{}", at.display());
    for name in ["libb.so", "libgone.so"] {
        if library(at, name, "int f(void){return 1;}", &[]).is_none() {
            return;
        }
    }
    let flags = [&link, "-Wl,--no-as-needed", "-lb", "-lgone", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/"];
    let root = library(at, "liba.so", "int g(void){return 2;}", &flags).unwrap();
    fs::remove_file(at.join("libgone.so")).unwrap();
    let out = program().arg("tree").arg(&root).output().unwrap();
    let text = stdout(&out);
    assert!(text.contains(&format!(
        "libb.so => {}/libb.so  [DT_RUNPATH of {}]",
        at.display(),
        root.display()
    )));
    assert!(
        text.contains("libgone.so => not found")
            && text.contains("ld.so.cache: libgone.so: not in the cache")
    );
    assert!(text.contains("hint: install the package that owns libgone.so"), "{text}");
    assert_eq!(out.status.code(), Some(7));
    let out = program().args(["tree", "--format", "json"]).arg(&root).output().unwrap();
    let tree: Value = serde_json::from_slice(&out.stdout).unwrap();
    let object = &tree["objects"][usize::try_from(tree["root"].as_u64().unwrap()).unwrap()];
    assert_eq!(
        (&object["needs"][0]["status"], &object["needs"][1]["status"]),
        (&"found".into(), &"missing".into())
    );
    assert_eq!(tree["library"]["verdict"], "fails");
}

#[test]
fn loader_is_told_whole() {
    let out =
        run(["loader", "--format", "json", "--loader", "glibc-2.31-debian", "--env", "LD_LIBRARY_PATH=/x"]);
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(document["loader"]["version"], "2.31");
    assert_eq!(document["loader"]["library_path"], "/x");
    assert!(stdout(&run(["loader"])).contains("default directories"));
}
