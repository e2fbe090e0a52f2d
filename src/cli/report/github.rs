//! Annotations of GitHub workflows: one command line a problem.
//! It must never let a name start another command: line ends, percent, colon and comma are escaped.
//! Follows the workflow commands `::error`, `::warning` and `::notice`.

use std::io::{self, Write};

use super::escape::escaped;
use super::problem::Case;
use crate::analyzer::finding::Severity;

/// Writes the lines.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, cases: &[Case]) -> io::Result<()> {
    for p in cases.iter().flat_map(|c| &c.problems) {
        let command = match p.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let file = property(&escaped(&p.path));
        let message = data(&format!("{}. {}", escaped(p.text.as_bytes()), escaped(p.hint.as_bytes())));
        writeln!(out, "::{command} file={file},title={}::{message}", property(p.code))?;
    }
    let failed = cases.iter().filter(|c| c.failed).count();
    writeln!(out, "{} judged, {failed} failed", cases.len())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn names_start_no_commands() {
        assert_eq!(property("a,b:c%\n::error"), "a%2Cb%3Ac%25%0A%3A%3Aerror");
        assert_eq!(data("50%\r\n"), "50%25%0D%0A");
    }
}
