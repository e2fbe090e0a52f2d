//! SARIF 2.1.0: one run, one rule a code, one result a problem.
//! It must never name a rule that is not in a catalogue, nor write a location that is no URI.
//! Follows the OASIS standard; paths are URIs with every byte outside the unreserved set in percent form.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::entry;
use super::problem::{Case, Problem, severity_name};
use crate::analyzer::catalogue::Entry;

/// The schema that the document names.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, cases: &[Case]) -> io::Result<()> {
    let problems: Vec<&Problem> = cases.iter().flat_map(|c| &c.problems).collect();
    let mut codes: Vec<&str> = problems.iter().map(|p| p.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let results: Vec<Value> = problems.iter().map(|p| result(p, &codes)).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn rule(code: &str) -> Value {
    let text = |f: fn(&Entry) -> &'static str| entry(code).map_or("", f);
    json!({
        "id": code,
        "shortDescription": {"text": text(|e| e.title)},
        "fullDescription": {"text": text(|e| e.explanation)},
        "help": {"text": text(|e| e.mend)},
    })
}

fn result(p: &Problem, codes: &[&str]) -> Value {
    json!({
        "ruleId": p.code,
        "ruleIndex": codes.iter().position(|c| *c == p.code).unwrap_or(0),
        "level": severity_name(p.severity),
        "message": {"text": format!("{}\n{}", p.text, p.hint)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(&p.path)}}}],
    })
}

/// A path as a URI reference.
fn uri(path: &[u8]) -> String {
    let mut out = String::new();
    if path.starts_with(b"/") {
        out.push_str("file://");
    }
    for b in path {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'+' => {
                out.push(char::from(*b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri(b"/l/a b%\xff.so"), "file:///l/a%20b%25%FF.so");
        assert_eq!(uri(b"l/a.so.1"), "l/a.so.1");
    }
}
