//! What a code means, said where it is used, if that was asked for: each code once a report.
//! It must never say anything that is not in a catalogue.
//! The same texts as `explain CODE` prints.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};

use super::super::request::Run;
use super::{FAINT, entry, paragraph};

/// Columns to fill where nobody looks.
const READABLE: usize = 100;

/// Says what codes mean, or nothing.
pub struct Explainer {
    wanted: bool,
    said: RefCell<HashSet<&'static str>>,
    width: usize,
}

impl Explainer {
    /// As the run wants it.
    pub fn new(run: &Run) -> Explainer {
        Explainer::wanting(run.explain, run.screen.width)
    }

    /// One that explains if `wanted`, in `width` columns.
    pub fn wanting(wanted: bool, width: Option<u16>) -> Explainer {
        let width = width.map_or(READABLE, |w| usize::from(w).min(READABLE));
        Explainer { wanted, said: RefCell::default(), width }
    }

    /// One that says nothing.
    pub fn silent() -> Explainer {
        Explainer::wanting(false, None)
    }

    /// Explains `code` with `indent` in front, unless it was explained before.
    ///
    /// # Errors
    /// The writer's.
    pub fn say(&self, out: &mut dyn Write, code: &'static str, indent: &str) -> io::Result<()> {
        if !self.wanted || !self.said.borrow_mut().insert(code) {
            return Ok(());
        }
        let Some(entry) = entry(code) else { return Ok(()) };
        write!(out, "{FAINT}")?;
        let text = format!("{code}: {}. {}", entry.title, entry.explanation);
        paragraph(out, &text, indent, self.width)?;
        write!(out, "{FAINT:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_explained_once_and_only_if_asked_for() {
        let said = |e: &Explainer| {
            let mut out = Vec::new();
            e.say(&mut out, "file-too-short", "  ").unwrap();
            e.say(&mut out, "file-too-short", "  ").unwrap();
            e.say(&mut out, "no-such-code", "  ").unwrap();
            anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
        };
        let text = said(&Explainer::wanting(true, Some(60)));
        assert_eq!(text.matches("file-too-short:").count(), 1, "{text}");
        assert!(text.lines().all(|l| l.starts_with("  ") && l.len() <= 60), "{text}");
        assert_eq!(said(&Explainer::silent()), "");
    }
}
