//! The text of `checksums.txt`: lines of `<sha256>  <name>`, as `sha256sum` writes them for text names.
//! It must never read a line in two ways: anything but that form is a fault with its line.
//! Shared by the build script, which compiles the sums in, and the release tool, which writes and checks them.

use std::fmt;

/// What is wrong with a list of sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecksumsFault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for ChecksumsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ChecksumsFault {}

/// Reads a list; the rows are `(name, sum)` in the order of the text.
///
/// # Errors
/// The first line that is not of the form, or that names a file for the second time.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, ChecksumsFault> {
    let mut rows: Vec<(String, String)> = Vec::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(ChecksumsFault { line: text.lines().count(), reason: "the last line is cut off" });
    }
    for (index, line) in text.split_terminator('\n').enumerate() {
        let fault = |reason| ChecksumsFault { line: index + 1, reason };
        let (sum, name) = line.split_once("  ").ok_or_else(|| fault("it is not `<sha256>  <name>`"))?;
        if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(fault("the sum is not 64 lower-case hexadecimal digits"));
        }
        if !is_asset_name(name) {
            return Err(fault("the name is not one of a file beside the list"));
        }
        if rows.iter().any(|(known, _)| known == name) {
            return Err(fault("the name comes twice"));
        }
        rows.push((name.to_owned(), sum.to_owned()));
    }
    Ok(rows)
}

/// Whether a name is a plain one: letters, digits, `.`, `_`, `-`, and no dot or dash in front.
pub fn is_asset_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
