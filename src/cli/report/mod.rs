//! From judged libraries to what is printed, one file a form.
//! It must never ask the disk anything or change a verdict; every string of a file is escaped before a screen sees it.
//! Renderers are separate from the engine, and options from both, as in ripgrep.

pub mod doctor;
pub mod escape;
pub mod explainer;
pub mod github;
pub mod home;
pub mod home_json;
pub mod json;
pub mod junit;
pub mod ndjson;
pub mod output;
pub mod probe;
pub mod problem;
pub mod row;
pub mod sarif;
pub mod surveyed;
pub mod table;
pub mod text;
pub mod tree;
pub mod tree_json;
pub mod tree_macos;

use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Color;
use crate::analyzer::audit::Library;
use crate::analyzer::catalogue::{self, Entry};
use crate::analyzer::verdict::{Class, Verdict};
use crate::home::catalogue as of_homes;
use crate::loader::finding as of_probes;

/// Version of the JSON documents. It grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Standard output for people: colours go through where they are wanted.
pub fn screen(color: Color) -> BufWriter<AutoStream<StdoutLock<'static>>> {
    let out = io::stdout().lock();
    let choice = match color {
        Color::Auto => AutoStream::choice(&out),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    BufWriter::new(AutoStream::new(out, choice))
}

/// Standard output for programs.
pub fn pipe() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// How many libraries got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All.
    pub libraries: usize,
    /// Verdict "loads".
    pub loads: usize,
    /// Verdict "fails".
    pub fails: usize,
    /// Verdict "undecided".
    pub undecided: usize,
    /// Those that fail, by class.
    pub by_class: ByClass,
}

/// Failures by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ByClass {
    /// Nothing known makes them load.
    pub broken: usize,
    /// All they lack is a host program.
    pub needs_host: usize,
    /// All they lack is in a library they do not list.
    pub underlinked: usize,
    /// They are made for another machine.
    pub foreign: usize,
}

impl Totals {
    /// Counts one library.
    pub fn add(&mut self, library: &Library) {
        self.libraries += 1;
        match library.judgement.verdict {
            Verdict::Loads => self.loads += 1,
            Verdict::Undecided => self.undecided += 1,
            Verdict::Fails { .. } => {
                self.fails += 1;
                match library.class.unwrap_or(Class::Broken) {
                    Class::Broken => self.by_class.broken += 1,
                    Class::NeedsHost => self.by_class.needs_host += 1,
                    Class::Underlinked => self.by_class.underlinked += 1,
                    Class::Foreign => self.by_class.foreign += 1,
                }
            }
        }
    }

    /// Counts one library by the words of a report.
    pub fn count(&mut self, verdict: &str, class: Option<&str>) {
        self.libraries += 1;
        match verdict {
            "loads" => self.loads += 1,
            "fails" => {
                self.fails += 1;
                match class {
                    Some("needs-host") => self.by_class.needs_host += 1,
                    Some("underlinked") => self.by_class.underlinked += 1,
                    Some("foreign") => self.by_class.foreign += 1,
                    _ => self.by_class.broken += 1,
                }
            }
            _ => self.undecided += 1,
        }
    }

    /// Counts all of them.
    pub fn of<'l>(libraries: impl IntoIterator<Item = &'l Library>) -> Totals {
        let mut totals = Totals::default();
        libraries.into_iter().for_each(|l| totals.add(l));
        totals
    }
}

/// The entry of a code, of a file, a home or a probe.
pub fn entry(code: &str) -> Option<&'static Entry> {
    catalogue::explain(code).or_else(|| of_homes::explain(code)).or_else(|| of_probes::explain(code))
}

/// All codes that a report can hold.
pub fn codes() -> impl Iterator<Item = &'static str> {
    catalogue::codes().chain(of_homes::codes()).chain(of_probes::codes())
}

/// The class as reports print it.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Broken => "broken",
        Class::NeedsHost => "needs-host",
        Class::Underlinked => "underlinked",
        Class::Foreign => "foreign",
    }
}

/// The colour of a verdict.
pub(super) fn style(verdict: &Verdict, class: Option<Class>) -> Style {
    let color = match (verdict, class) {
        (Verdict::Loads, _) => AnsiColor::Green,
        (Verdict::Fails { .. }, Some(Class::NeedsHost | Class::Foreign)) | (Verdict::Undecided, _) => {
            AnsiColor::Yellow
        }
        (Verdict::Fails { .. }, _) => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into()))
}

/// What stands beside the report rather than in it.
pub(super) const FAINT: Style = Style::new().dimmed();
/// Headings.
pub(super) const HEADING: Style = Style::new().bold();

/// `1,234 libraries`; the plural adds an s, or turns a final y into "ies".
pub(super) fn counted(n: usize, noun: &str) -> String {
    let noun = match (n, noun.strip_suffix('y')) {
        (1, _) => noun.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{noun}s"),
    };
    format!("{} {noun}", grouped(n))
}

/// A number with a comma between groups of three digits.
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Writes `text` broken at spaces, every line with `indent` in front and `width` columns at most where words allow it.
///
/// # Errors
/// The writer's.
pub(super) fn paragraph(out: &mut dyn Write, text: &str, indent: &str, width: usize) -> io::Result<()> {
    let mut column = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if column > 0 && indent.len() + column + 1 + len > width {
            writeln!(out)?;
            column = 0;
        }
        let gap = if column == 0 { indent } else { " " };
        write!(out, "{gap}{word}")?;
        column += len + usize::from(column > 0);
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1000), grouped(1234567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([counted(1, "library"), counted(2, "library")], ["1 library", "2 libraries"]);
        assert_eq!([counted(1, "cause"), counted(0, "cause")], ["1 cause", "0 causes"]);
    }

    #[test]
    fn paragraphs_break_at_spaces_only() {
        let mut out = Vec::new();
        paragraph(&mut out, "one two three incomprehensibilities", "  ", 12).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  one two\n  three\n  incomprehensibilities\n");
    }
}
