//! SARIF and JUnit reports held against the official schemas, for homes, directories and files, with names no schema expects.
//! The schemas are not in this repository: `scripts/test` fetches packages that carry them and names the place in
//! `TSUKU_TEST_SCHEMAS`; without it the cases are skipped and said, and with `none` they are skipped where there is no network.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests run the program and the validator, and say what they skip"
)]

#[path = "support/home.rs"]
mod made;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use made::{damaged, program, stderr, stdout};

/// Prints what is wrong, one fault a line.
const VALIDATE: &str = r#"
import json, sys
kind, schema, document = sys.argv[1:]
if kind == "sarif":
    import jsonschema
    schema, document = json.load(open(schema)), json.load(open(document))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    faults = ["%s: %s" % (e.json_path, e.message) for e in validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document)]
else:
    import xmlschema
    faults = ["%s: %s" % (e.path, e.reason) for e in xmlschema.XMLSchema(schema).iter_errors(document)]
print("\n".join(faults), end="")
"#;

/// Where the schemas are.
fn schemas() -> Option<PathBuf> {
    match std::env::var_os("TSUKU_TEST_SCHEMAS") {
        Some(none) if none == "none" => None,
        Some(place) => Some(place.into()),
        None if std::env::var_os("TSUKU_TEST_REQUIRE_ALL").is_none() => {
            eprintln!("skipped: no schemas (scripts/test fetches them)");
            None
        }
        None => panic!("TSUKU_TEST_SCHEMAS names no directory"),
    }
}

fn faults(schemas: &Path, kind: &str, document: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("document");
    std::fs::write(&file, document).unwrap();
    let schema = schemas.join(if kind == "sarif" { "sarif.json" } else { "junit.xsd" });
    let out = Command::new(schemas.join("bin/python"))
        .args(["-c", VALIDATE, kind])
        .args([schema, file])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    stdout(&out)
}

#[test]
fn reports_keep_the_official_schemas() {
    let Some(schemas) = schemas() else { return };
    let Some(m) = damaged() else { return };
    // Characters that XML cannot hold, and bytes that are no character.
    for name in [b"lib<&\"'>\x01.so.1".as_slice(), b"lib\xff\xfe%.so.1", b"lib a\nb.so.1"] {
        std::fs::write(m.at("libs/lost-1.0/lib").join(OsStr::from_bytes(name)), b"\x7fELF").unwrap();
    }
    let libs = m.at("libs");
    let plain = |words: &[&str], kind: &str, more: &Path| -> Output {
        program().args(words).arg(more).args(["--format", kind]).output().unwrap()
    };
    for kind in ["sarif", "junit"] {
        let reports = [
            ("doctor", m.run("doctor", &["--format", kind])),
            ("verify NAME", m.run("verify lost zlib", &["--format", kind])),
            ("audit", m.run("audit", &["--format", kind])),
            ("audit DIR", plain(&["audit"], kind, &libs)),
            ("verify PATH", plain(&["verify"], kind, &libs.join("broken-first-1.0/lib/libshared.so.1"))),
        ];
        for (what, out) in reports {
            assert!(matches!(out.status.code(), Some(0 | 7)), "{what}: {}", stderr(&out));
            assert_eq!(faults(&schemas, kind, &out.stdout), "", "{what} as {kind}");
        }
    }
    // The validator can fail.
    assert_ne!(faults(&schemas, "sarif", br#"{"version": "2.1.0", "runs": [{}]}"#), "");
    assert_ne!(faults(&schemas, "junit", b"<testsuites><testcase/></testsuites>"), "");
}

#[test]
fn files_are_reported_in_every_format() {
    let Some(m) = damaged() else { return };
    let bad = m.at("libs/broken-first-1.0/lib/libshared.so.1");
    for (format, mark) in [
        ("sarif", "\"ruleId\": \"file-too-short\""),
        ("junit", "<failure type=\"file-too-short\""),
        ("github", "::error file="),
    ] {
        for words in
            [["verify".as_ref(), bad.as_os_str()], ["audit".as_ref(), bad.parent().unwrap().as_os_str()]]
        {
            let out = program().args(words).args(["--format", format]).output().unwrap();
            assert_eq!(out.status.code(), Some(7), "{}", stderr(&out));
            assert!(stdout(&out).contains(mark), "{format}: {}", stdout(&out));
        }
    }
}
