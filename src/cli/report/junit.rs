//! JUnit XML: one suite a library or tool, one case a file.
//! It must never write a character XML cannot hold; such ones are escaped as on a screen.
//! Follows the schema most readers share: testsuites, testsuite, testcase, failure, skipped, system-out.

use std::io::{self, Write};

use super::escape::escaped;
use super::problem::{Case, severity_name};
use crate::analyzer::finding::Severity;

/// Writes the document.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, cases: &[Case]) -> io::Result<()> {
    let failed = |cases: &[Case]| cases.iter().filter(|c| c.failed).count();
    let skipped = |cases: &[Case]| cases.iter().filter(|c| c.undecided && !c.failed).count();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">",
        env!("CARGO_PKG_NAME"),
        cases.len(),
        failed(cases)
    )?;
    for suite in cases.chunk_by(|a, b| a.suite == b.suite) {
        let name = suite.first().map(|c| c.suite.as_str()).filter(|s| !s.is_empty()).unwrap_or("files");
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
            xml(name.as_bytes()),
            suite.len(),
            failed(suite),
            skipped(suite)
        )?;
        for case in suite {
            test_case(out, name, case)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn test_case(out: &mut dyn Write, suite: &str, case: &Case) -> io::Result<()> {
    write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(suite.as_bytes()), xml(&case.path))?;
    if case.problems.is_empty() && !case.failed && !case.undecided {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    let lines = |least: Severity| -> String {
        let told = case.problems.iter().filter(|p| p.severity >= least);
        told.map(|p| {
            let text = format!("{} {}: {}", severity_name(p.severity), p.code, p.text);
            format!("{}\n{}\n", xml(text.as_bytes()), xml(p.hint.as_bytes()))
        })
        .collect()
    };
    if case.failed {
        let first = case.problems.iter().max_by_key(|p| p.severity);
        let (code, text) = first.map_or(("fails", ""), |p| (p.code, p.text.as_str()));
        writeln!(
            out,
            "      <failure type=\"{code}\" message=\"{}\">{}</failure>",
            xml(text.as_bytes()),
            lines(Severity::Warning)
        )?;
    } else if case.undecided {
        writeln!(out, "      <skipped message=\"undecided\"/>")?;
    }
    if !case.failed && !case.problems.is_empty() {
        writeln!(out, "      <system-out>{}</system-out>", lines(Severity::Note))?;
    }
    writeln!(out, "    </testcase>")
}

/// Text for an element or attribute.
fn xml(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in escaped(bytes).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn nothing_ends_an_attribute_early() {
        assert_eq!(xml(b"a\"<b>&\x1b\xff'"), "a&quot;&lt;b&gt;&amp;\\x1b\\xff&apos;");
    }
}
