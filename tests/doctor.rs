//! Homes at level 3, files for other systems, interrupts, explanations, and the table of `docs/HOME.md`.
//! Libraries are built on the spot and really loaded; what cannot be loaded here is a failure where everything is required.
//! The loader of this machine and the embedded helper are the judges.
#![expect(clippy::disallowed_methods, reason = "tests make the homes they judge")]

#[path = "macho/image.rs"]
#[allow(dead_code, reason = "the other tests of Mach-O files need the rest")]
mod image;
#[path = "support/home.rs"]
mod made;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use made::{Made, damaged, program, stderr, stdout};
use serde_json::{Value, json};

/// Runs the program on the home from outside its root, where libraries can be loaded.
fn run(m: &Made, words: &str) -> Output {
    program().args(words.split_whitespace()).arg("--tsuku-home").arg(m.at("")).output().unwrap()
}

/// A home with one library of each way to end.
fn loadable() -> Option<Made> {
    let mut m = Made::new();
    let constructor = |body: &str| {
        format!("#include <stdlib.h>\n__attribute__((constructor)) static void c(void) {{ {body} }}")
    };
    for (name, body) in [("crash", "*(volatile int *)0 = 1;"), ("exit", "exit(0);"), ("fine", "srand(1);")] {
        if !m.library(&format!("{name}-1"), &format!("lib{name}.so.1"), &constructor(body), &[]) {
            return None;
        }
        m.record(name, "1", &[&format!("lib{name}.so.1")], &[]);
    }
    m.save();
    Some(m)
}

#[test]
fn what_breaks_when_it_is_loaded_is_broken() {
    let Some(m) = loadable() else { return };
    let status = |words: &str| run(&m, words).status.code();
    assert_eq!(status("verify crash"), Some(0), "files do not tell");
    assert_eq!(status("verify crash --level 3"), Some(7));
    assert_eq!(status("verify crash --level 3 --skip-dlopen"), Some(0));
    assert_eq!(status("verify fine --level 3"), Some(0));
    assert_eq!(status("audit --level 3"), Some(7));
    let out = run(&m, "doctor --level 3 --json");
    assert_eq!(out.status.code(), Some(7), "{}", stderr(&out));
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    let of = |name: &str| {
        let tree = told["trees"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap();
        let file = &tree["files"][0];
        (tree["status"].clone(), file["broken"].clone(), file["wrapper"]["probe"]["outcome"].clone())
    };
    assert_eq!(of("crash"), (json!("broken"), json!(true), json!("crashed")));
    assert_eq!(of("exit"), (json!("broken"), json!(true), json!("exited")));
    assert_eq!(of("fine"), (json!("ok"), json!(false), json!("loaded")));
    assert_eq!(told["level3"]["totals"]["probed"], 3);
    let text = stdout(&run(&m, "doctor --level 3"));
    assert!(text.contains("libs/crash-1/lib/libcrash.so.1.0: the process dies of SIGSEGV"), "{text}");
    assert!(text.contains("3 of 3 libraries really loaded"), "{text}");
    // One tree a line, with the same probes.
    let lines = stdout(&run(&m, "doctor --level 3 --format ndjson"));
    let outcomes: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["files"][0]["wrapper"]["probe"]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["crashed", "exited", "loaded"]);
}

#[test]
fn a_level_that_is_left_out_is_said() {
    let Some(m) = loadable() else { return };
    let out = run(&m, "doctor --level 3 --probe never");
    assert!(stdout(&out).contains("left out: no probe was wanted"), "{}", stdout(&out));
    // Inside a root nothing of this machine's loader can be tried.
    let out = m.run("verify fine --level 3 --require-level3", &[]);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("level 3 is required"), "{}", stderr(&out));
}

#[test]
fn files_for_other_machines_and_systems_fail() {
    let mut m = Made::new();
    let z = "int z(void) { return 1; }";
    if !m.library("right-1", "libz9.so.1", z, &["-nostdlib"]) {
        return;
    }
    let mut wrong = fs::read(m.at("libs/right-1/lib/libz9.so.1.0")).unwrap();
    // e_machine of SPARC.
    wrong[18..20].copy_from_slice(&2_u16.to_le_bytes());
    m.file("libs/wrong-1/lib/libz9.so.1", &wrong);
    // A dynamic library of macOS for a processor no Mac of today takes, and one that ends in its magic number.
    let mut macho = Vec::new();
    for word in [0xfeed_face_u32, 7, 3, 6, 0, 0, 0, 0] {
        macho.extend(word.to_le_bytes());
    }
    m.file("libs/apple-1/lib/libz9.1.dylib", &macho);
    m.file("libs/cut-1/lib/libz9.1.dylib", b"\xcf\xfa");
    for name in ["right", "wrong", "apple", "cut"] {
        m.entry(name, "1", json!({}));
    }
    m.save();
    let out = m.run("doctor --json --as plain", &[]);
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    let of = |name: &str| {
        let tree = told["trees"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap();
        let mend = tree["mends"][0]["text"].as_str().unwrap_or_default().to_owned();
        (tree["status"].as_str().unwrap().to_owned(), tree["files"][0]["category"]["text"].clone(), mend)
    };
    assert_eq!(of("right").0, "ok");
    let (status, category, mend) = of("wrong");
    assert_eq!((status.as_str(), &category), ("broken", &json!("wrong architecture")));
    assert!(mend.contains("beside one for this machine"), "{mend}");
    let (status, _, mend) = of("apple");
    assert!(status == "broken" && mend.contains("for another machine"), "{status}: {mend}");
    assert_eq!(of("cut").0, "broken");
}

#[test]
fn an_interrupt_leaves_nothing_behind_and_says_what_was_done() {
    let mut m = Made::new();
    let report = m.root().join("report");
    let pid = m.root().join("pid");
    // A constructor that tells who it is, and waits.
    let source = format!(
        "#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) static void c(void) {{ FILE *f = fopen(\"{0}.new\", \"w\"); fprintf(f, \"%d\", getpid()); fclose(f); rename(\"{0}.new\", \"{0}\"); for (;;) pause(); }}",
        pid.display()
    );
    if !m.library("wait-1", "libwait.so.1", &source, &[]) {
        return;
    }
    m.record("wait", "1", &[], &[]);
    m.save();
    let running = program()
        .args(["doctor", "--level", "3", "--sandbox", "off", "--timeout", "60", "--tsuku-home"])
        .arg(m.at(""))
        .arg("--output")
        .arg(&report)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(50);
    let within = |done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < patience, "nothing happens");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    within(&|| pid.exists());
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
    let out = running.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130));
    assert!(stderr(&out).contains("interrupted: 2 of 2 judged; no report was written"), "{}", stderr(&out));
    let names: Vec<_> = fs::read_dir(m.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|n| n.to_string_lossy().contains("report")), "{names:?}");
    let probe = Path::new("/proc").join(fs::read_to_string(&pid).unwrap());
    within(&|| !probe.exists());
}

#[test]
fn codes_are_explained_where_they_are_used() {
    let Some(m) = damaged() else { return };
    for (words, code) in [
        ("verify changed --integrity", "file-changed"),
        ("doctor", "link-repointed"),
        ("audit", "file-too-short"),
        ("verify /h/libs/broken-first-1.0/lib/libshared.so.1", "file-too-short"),
    ] {
        let marked = format!("{code}: ");
        let explained = |words: &str| {
            let text = stdout(&m.run(words, &[]));
            let own = |l: &&str| l.trim_start().starts_with(&marked);
            text.lines().filter(own).count()
        };
        assert_eq!(explained(words), 0, "{words}");
        assert_eq!(explained(&format!("{words} --explain")), 1, "{words}");
    }
}

#[test]
fn slips_are_answered_and_help_has_examples() {
    let said = |words: &[&str]| {
        let out = program().args(words).output().unwrap();
        (out.status.code(), stdout(&out) + &stderr(&out))
    };
    let (code, text) = said(&["man", "docter"]);
    assert!(code == Some(2) && text.contains("did you mean doctor?"), "{text}");
    let (code, text) = said(&["explain", "file-chnaged"]);
    assert!(code == Some(2) && text.contains("near it: file-changed"), "{text}");
    let (code, text) = said(&["docter"]);
    assert!(code == Some(2) && text.contains("doctor"), "{text}");
    for command in ["audit", "verify", "doctor", "tree", "explain", "loader", "completions", "man"] {
        let (code, text) = said(&[command, "--help"]);
        assert!(code == Some(0) && text.contains("Example"), "{command}: {text}");
        assert!(text.lines().any(|l| l.contains(&format!("tsuku-verify {command}"))), "{command}");
    }
}

#[test]
fn the_table_of_defects_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/HOME.md")).unwrap();
    let rows: Vec<&str> =
        text.lines().filter(|l| l.starts_with("| ") && l.as_bytes()[2].is_ascii_digit()).collect();
    let numbers: Vec<usize> =
        rows.iter().map(|r| r.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=35).collect::<Vec<_>>());
    for row in rows {
        let shown = row.split('|').nth(4).unwrap();
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row}");
        for name in named {
            let Some((file, test)) = name.split_once("::") else {
                assert!(root.join(name).is_dir(), "{name}");
                continue;
            };
            let source = fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(
                source.contains(&format!("#[test]\n    fn {test}("))
                    || source.contains(&format!("#[test]\nfn {test}(")),
                "{name}"
            );
        }
    }
}

#[test]
fn wrappers_of_a_mac_lead_dyld_to_the_libraries_of_the_home() {
    let mut m = Made::new();
    let mut user = image::Image::library(image::ARM64);
    user.dylib(image::LC_LOAD_DYLIB, "/nowhere/libdep.dylib");
    m.file("libs/user-1/lib/libuser.dylib", &user.signed(&[2], 14));
    m.file("libs/dep-1/lib/libdep.dylib", &image::Image::library(image::ARM64).signed(&[2], 14));
    m.record("user", "1", &[], &[]);
    m.record("dep", "1", &[], &[]);
    m.save();
    let out = m.run("verify --format json user", &[]);
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    let tree = &told["trees"][0];
    assert_eq!(tree["status"], "warning", "{tree:#}");
    assert_eq!(tree["findings"][0]["code"], "loads-only-under-wrapper");
    let file = &tree["files"][0];
    assert_eq!((&file["plain"]["verdict"], &file["wrapper"]["verdict"]), (&"fails".into(), &"loads".into()));
    let message = file["plain"]["message"].as_str().unwrap();
    assert!(message.contains("Library not loaded: /nowhere/libdep.dylib"), "{message}");
    // What the caller's variable names comes behind.
    let out = m.run("verify --format json user", &["--env", "DYLD_LIBRARY_PATH=/h/libs/dep-1/lib"]);
    let told: Value = serde_json::from_str(&stdout(&out)).unwrap();
    assert_eq!(told["trees"][0]["status"], "ok");
}
