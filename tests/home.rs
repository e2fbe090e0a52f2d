//! Homes from outside: what is found, how it is told in every form, and which status it ends with.
//! Libraries are built on the spot; nothing else of this machine is asked for.
//! `TSUKU_UPDATE_GOLDEN=1` writes the expected reports anew.
#![expect(clippy::disallowed_methods, reason = "tests make the homes they judge")]

#[path = "support/home.rs"]
mod made;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use made::{Made, damaged, program, stderr, stdout};
use serde_json::Value;

fn doctor(m: &Made) -> Value {
    let out = m.run("doctor --json", &[]);
    assert_eq!(out.status.code(), Some(7), "{}", stderr(&out));
    serde_json::from_str(&stdout(&out)).unwrap()
}

fn tree<'v>(told: &'v Value, name: &str, version: &str) -> &'v Value {
    let trees = told["trees"].as_array().unwrap();
    trees.iter().find(|t| t["name"] == name && t["version"] == version).unwrap()
}

fn codes(tree: &Value) -> Vec<&str> {
    let mut all: Vec<&str> =
        tree["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    all.sort_unstable();
    all
}

fn mends(tree: &Value) -> Vec<&str> {
    tree["mends"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect()
}

#[test]
fn every_defect_is_found_with_its_cause() {
    let Some(m) = damaged() else { return };
    let told = doctor(&m);
    let statuses: BTreeMap<String, &str> = told["trees"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            (
                format!("{}@{}", t["name"].as_str().unwrap(), t["version"].as_str().unwrap()),
                t["status"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("app-lib@1.0", "broken"),
        ("broken-first@1.0", "broken"),
        ("chainless@2.0", "warning"),
        ("changed@1.0", "broken"),
        ("gone@1.0", "missing"),
        ("headers@1.0", "no-libraries"),
        ("jq@1.7", "ok"),
        ("lost@1.0", "broken"),
        ("nolink@1.0", "warning"),
        ("oldtool@1.0.0", "warning"),
        ("pinned@1.0", "warning"),
        ("right@1.0", "ok"),
        ("unknown@3.1-2", "warning"),
        ("zlib@1.10", "ok"),
        ("zlib@1.9", "ok"),
    ];
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), expected.map(|(n, s)| (n.to_owned(), s)));
    assert_eq!(codes(tree(&told, "app-lib", "1.0")), ["fails-under-wrapper"]);
    assert_eq!(mends(tree(&told, "app-lib", "1.0")), ["reinstall", "shadowed"]);
    assert_eq!(codes(tree(&told, "chainless", "2.0")), ["loads-only-under-wrapper"]);
    let changed = codes(tree(&told, "changed", "1.0"));
    assert_eq!(
        changed,
        ["file-added", "file-changed", "file-missing", "link-dangling", "link-repointed", "link-repointed"]
            [..changed.len()]
    );
    assert!(codes(tree(&told, "nolink", "1.0")).contains(&"soname-link-missing"));
    assert_eq!(mends(tree(&told, "nolink", "1.0")), ["link-soname"]);
    assert_eq!(mends(tree(&told, "lost", "1.0")), ["install-provider"]);
    assert_eq!(codes(tree(&told, "unknown", "3.1-2")), ["untracked-tree"]);
    let left: Vec<_> =
        told["left_overs"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(left, ["left-over", "left-over"]);
    assert_eq!(tree(&told, "zlib", "1.9")["used_by"], serde_json::json!(["jq-1.7"]));
}

#[test]
fn plain_truth_has_its_own_mends() {
    let Some(m) = damaged() else { return };
    let out = m.run("verify --as plain --format json", &["pinned", "chainless", "app-lib"]);
    assert_eq!(out.status.code(), Some(7));
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    assert_eq!(mends(tree(&told, "pinned", "1.0")), ["stale-pin"]);
    let chainless = tree(&told, "chainless", "2.0");
    assert_eq!(mends(chainless), ["add-dependency"]);
    let text = chainless["mends"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("add zlib to its runtime_dependencies") && text.contains("$ORIGIN/../../zlib-1."),
        "{text}"
    );
    assert_eq!(tree(&told, "app-lib", "1.0")["status"], "ok");
    // The wrapper alone.
    let out = m.run("verify --as wrapper", &["pinned", "chainless"]);
    assert_eq!(out.status.code(), Some(0), "{}", stdout(&out));
}

#[test]
fn a_host_library_of_the_same_name_is_told() {
    let mut m = Made::new();
    // libm.so.6 is on every system and lacks this symbol; the home has one that does not.
    if !m.library("math-1.0", "libm.so.6", "int tsuku_math(void){return 1;}", &["-nostdlib"]) {
        return;
    }
    m.record("math", "1.0", &["libm.so.6"], &[]);
    let uses = "int tsuku_math(void); int f(void){return tsuku_math();}";
    m.library("user-1.0", "libuser.so.1", uses, &["-nostdlib", "-Llibs/math-1.0/lib", "-l:libm.so.6"]);
    m.record("user", "1.0", &["libuser.so.1"], &[]);
    m.save();
    let out = m.run("verify --as plain --format json user", &[]);
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    let user = tree(&told, "user", "1.0");
    assert_eq!(mends(user), ["add-dependency"]);
    let text = user["mends"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("tsuku_math of libm.so.6 is in math@1.0"), "{text}");
}

#[test]
fn statuses_are_tsukus() {
    let Some(m) = damaged() else { return };
    let status = |words: &str| {
        let out = m.run(words, &[]);
        (out.status.code().unwrap(), stderr(&out))
    };
    assert_eq!(status("verify zlib").0, 0);
    assert_eq!(m.run("verify", &[""]).status.code(), Some(2));
    assert_eq!(status("verify zlib@1.9 zlib@1.10").0, 0);
    assert_eq!(status("verify zlib --integrity --skip-dlopen").0, 0);
    assert_eq!(status("verify jq").0, 0);
    assert_eq!(status("verify lost").0, 7);
    assert_eq!(status("verify gone").0, 7);
    assert_eq!(status("verify headers").0, 0);
    assert_eq!(status("verify lost --quiet"), (7, String::new()));
    let (code, said) = status("verify zlbi");
    assert_eq!(code, 3);
    assert!(said.contains("did you mean zlib?"), "{said}");
    let (code, said) = status("verify zlib@7");
    assert!(code == 3 && said.contains("there is 1.9, 1.10"), "{said}");
    assert_eq!(status("audit").0, 7);
    assert_eq!(status("verify zlib /h/libs/zlib-1.9/lib/libtsz.so.1").0, 0);
    assert_eq!(status("verify zlib /h/libs/zlib-1.9/lib/libtsz.so.1 --format json").0, 2);
    m.file("state.json", b"[]");
    let (code, said) = status("verify zlib");
    assert!(code == 1 && said.contains("should be an object"), "{said}");
}

#[test]
fn homes_are_found_through_links_relative_and_by_variable() {
    let Some(m) = damaged() else { return };
    std::os::unix::fs::symlink("h", m.root().join("linked")).unwrap();
    let run = |home: &Path, cwd: &Path| {
        let out =
            program().args(["verify", "lost"]).env("TSUKU_HOME", home).current_dir(cwd).output().unwrap();
        out.status.code()
    };
    assert_eq!(run(&m.at(""), Path::new("/")), Some(7));
    assert_eq!(run(&m.root().join("linked"), Path::new("/")), Some(7));
    assert_eq!(run(Path::new("linked"), m.root()), Some(7));
    fs::rename(m.at(""), m.root().join(".tsuku")).unwrap();
    let out = program().args(["verify", "lost"]).env("HOME", m.root()).output().unwrap();
    assert_eq!(out.status.code(), Some(7));
    let out = program().args(["doctor"]).env("TSUKU_HOME", m.root().join("none")).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn nothing_is_written_into_the_home() {
    let Some(m) = damaged() else { return };
    let before = contents(&m.at(""));
    m.run("doctor", &[]);
    m.run("audit", &[]);
    m.run("verify zlib --integrity", &[]);
    assert_eq!(contents(&m.at("")), before);
}

fn contents(dir: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            out.extend(contents(&entry.path()));
        }
        out.push((entry.path(), meta.modified().unwrap()));
    }
    out.sort();
    out
}

#[test]
fn keys_that_leave_the_tree_are_refused() {
    let mut m = Made::new();
    m.file("libs/z-1/include/z.h", b"z");
    m.file("secret", b"s");
    m.entry("z", "1", serde_json::json!({"checksums": {"../../secret": "00", "include/z.h": "00"}}));
    m.entry("..", "/etc", serde_json::json!({}));
    m.save();
    let told = doctor(&m);
    assert_eq!(codes(tree(&told, "z", "1")), ["escaping-key", "file-changed"]);
    assert_eq!(told["left_overs"][0]["code"], "escaping-key");
}

#[test]
fn neither_our_environment_nor_our_directory_changes_a_verdict() {
    let Some(m) = damaged() else { return };
    let libs = m.at("libs/zlib-1.9/lib");
    for surroundings in ["plain", "both"] {
        let out = program()
            .args(["verify", "chainless", "--as", surroundings, "--tsuku-home"])
            .arg(m.at(""))
            .env("LD_LIBRARY_PATH", &libs)
            .current_dir(&libs)
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(if surroundings == "plain" { 7 } else { 0 }), "{}", stdout(&out));
    }
}

#[test]
fn hostile_files_and_pipes_stop_nothing() {
    let m = Made::new();
    // An ELF header with one program header: an interpreter of 64 TiB.
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend([0; 8]);
    elf.extend(64_u64.to_le_bytes());
    elf.extend([0; 8]);
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend([3, 0, 0, 0, 4, 0, 0, 0]);
    for word in [120_u64, 120, 120, 1 << 46, 1 << 46, 1] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(b"/lib/ld.so\0");
    m.file("libs/craft-1/lib/libcraft.so.1", &elf);
    m.file("libs/craft-1/lib/libempty.so.1", b"");
    let pipe = m.at("libs/craft-1/lib/libpipe.so.1");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|s| s.success()) {
        return;
    }
    m.save();
    let told = doctor(&m);
    let craft = tree(&told, "craft", "1");
    assert_eq!(codes(craft), ["special-file", "untracked-tree"]);
    let verdicts: Vec<_> =
        craft["files"].as_array().unwrap().iter().map(|f| &f["wrapper"]["verdict"]).collect();
    assert_eq!(verdicts, ["fails", "fails"]);
}

#[test]
fn odd_states_are_read_and_an_empty_home_is_well() {
    for state in ["{}", "null", r#"{"installed":null,"libs":null}"#, r#"{"LIBS":{}}"#] {
        let m = Made::new();
        m.file("state.json", state.as_bytes());
        let out = m.run("doctor", &[]);
        assert_eq!(out.status.code(), Some(0), "{state}: {}", stderr(&out));
    }
    let out = Made::new().run("doctor", &[]);
    assert!(out.status.success() && stdout(&out).contains("nothing is installed"));
}

/// The report without what belongs to this machine.
fn portable(text: &str) -> String {
    let machines = ["loader", "ld.so.cache", "level 3", "\"loader\":"];
    let own = |l: &&str| !machines.iter().any(|m| l.trim_start().starts_with(m));
    let text: String = text.lines().filter(own).map(|l| format!("{l}\n")).collect();
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("TSUKU_UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs; it is now:\n{text}");
}

/// A home whose reports do not depend on the compiler: no sum of a built file is told.
fn shown() -> Option<Made> {
    damaged()
}

#[test]
fn reports_are_as_recorded() {
    let Some(m) = shown() else { return };
    for (name, words) in [
        ("doctor.txt", "doctor"),
        ("audit.txt", "audit"),
        ("verify.txt", "verify zlib app-lib changed --integrity"),
        ("doctor.github.txt", "doctor --format github"),
        ("doctor.junit.xml", "doctor --format junit"),
        ("doctor.sarif.json", "doctor --format sarif"),
    ] {
        golden(name, &portable(&stdout(&m.run(words, &[]))));
    }
    for width in ["80", "120"] {
        let mut c = program();
        c.env("COLUMNS", width).args(["doctor", "--tsuku-home", "/h", "--cwd", "/", "--root"]).arg(m.root());
        for dir in ["/lib", "/lib64", "/usr", "/etc"].iter().filter(|d| Path::new(d).exists()) {
            c.arg("--bind").arg(dir);
        }
        let text = stdout(&c.output().unwrap());
        let table = text.split("\n\n").nth(1).unwrap().to_owned();
        assert!(table.lines().all(|l| l.chars().count() <= width.parse().unwrap()), "{table}");
        golden(&format!("doctor.{width}.txt"), &portable(&table));
    }
    let mut told = doctor(&m);
    told.as_object_mut().unwrap().remove("loader");
    golden("doctor.json", &portable(&(serde_json::to_string_pretty(&told).unwrap() + "\n")));
    let lines = stdout(&m.run("doctor --format ndjson", &[]));
    let trees: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(Value::from(trees), told["trees"]);
}

#[test]
fn the_json_report_keeps_its_schema() {
    let Some(m) = damaged() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/home.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    check(&schema, &schema, &doctor(&m), "$", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    check(&schema, &schema, &serde_json::json!({"schema_version": "1"}), "$", &mut wrong);
    assert!(wrong.len() > 3, "the check can fail");
}

/// The part of JSON Schema that the file uses: $ref, type, enum, required, properties, additionalProperties, items.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return check(root, target, value, at, wrong);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().map(|t| t.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.is_empty() && !types.contains(&kind) {
        wrong.push(format!("{at} is {kind}"));
    }
    if let Some(all) = schema["enum"].as_array()
        && !all.contains(value)
    {
        wrong.push(format!("{at} is {value}"));
    }
    if let Some(map) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !map.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{at} lacks {name}"));
            }
        }
        for (name, inner) in map {
            match schema["properties"].get(name) {
                Some(part) => check(root, part, inner, &format!("{at}.{name}"), wrong),
                None if schema["additionalProperties"] == false => wrong.push(format!("{at} has {name}")),
                None => {}
            }
        }
    }
    for (i, inner) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            check(root, &schema["items"], inner, &format!("{at}[{i}]"), wrong);
        }
    }
}

#[test]
fn sarif_results_name_their_rules() {
    let Some(m) = damaged() else { return };
    let told: Value = serde_json::from_str(&stdout(&m.run("doctor --format sarif", &[]))).unwrap();
    let run = &told["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 10);
    for r in results {
        let at = usize::try_from(r["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], r["ruleId"]);
        assert!(["note", "warning", "error"].contains(&r["level"].as_str().unwrap()));
        let uri = r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.contains(' '), "{uri}");
    }
    for rule in rules {
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty(), "{rule}");
    }
}

#[test]
fn output_is_there_whole_or_not_at_all() {
    let Some(m) = damaged() else { return };
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("report.json");
    fs::write(&to, "old").unwrap();
    let out = m.run("doctor --format json --output", &[to.to_str().unwrap()]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(7), 0));
    let told: Value = serde_json::from_str(&fs::read_to_string(&to).unwrap()).unwrap();
    assert_eq!(told["schema_version"], 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let out = m.run("doctor --output", &[dir.path().join("no/such/dir").to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    let out = m.run("verify zlib --output", &[to.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0));
    assert!(fs::read_to_string(&to).unwrap().contains("ok  zlib@1.9 is working correctly"));
}

#[test]
fn completions_and_manual_pages_are_made() {
    let run = |words: &str| program().args(words.split(' ')).output().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&run(&format!("completions {shell}"))).contains("doctor"), "{shell}");
    }
    assert!(stdout(&run("man")).contains(".TH"));
    assert!(stdout(&run("man verify")).contains("integrity"));
    assert_eq!(run("man nothing").status.code(), Some(2));
}
