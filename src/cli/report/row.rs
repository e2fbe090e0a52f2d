//! One judged library with what Level 3 found of it: the unit of every report.
//! It must never let a probe change the verdict: both are shown, side by side.
//! A plain library is a row too, so that reports without Level 3 need not know of it.

use anstyle::{AnsiColor, Style};

use super::super::level3::Probed;
use super::style;
use crate::analyzer::audit::Library;
use crate::analyzer::verdict::Verdict;
use crate::loader::ProbeOutcome;
use crate::loader::finding::ProbeFinding;
use crate::loader::outcome::signal_name;

/// A library, and its probe if Level 3 was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// What files tell.
    pub library: &'r Library,
    /// What loading told.
    pub probed: Option<&'r Probed>,
}

impl<'r> From<&'r Library> for Row<'r> {
    fn from(library: &'r Library) -> Row<'r> {
        Row { library, probed: None }
    }
}

impl<'r> Row<'r> {
    /// One row a library; `probed` is empty below Level 3.
    pub fn all(libraries: &'r [Library], probed: &'r [Probed]) -> Vec<Row<'r>> {
        let probes = probed.iter().map(Some).chain(std::iter::repeat(None));
        libraries.iter().zip(probes).map(|(library, probed)| Row { library, probed }).collect()
    }

    /// The highest level that was passed.
    pub fn level_reached(&self) -> u8 {
        match self.probed {
            Some(probed) if probed.outcome == ProbeOutcome::Loaded => 3,
            _ => self.library.judgement.level_reached,
        }
    }

    /// It is predicted to load, and loading it, if it was tried, worked.
    pub fn is_fine(&self) -> bool {
        self.library.judgement.verdict == Verdict::Loads && !self.breaks_when_loaded()
    }

    /// It was not predicted to fail, and loading it failed.
    pub fn breaks_when_loaded(&self) -> bool {
        !matches!(self.library.judgement.verdict, Verdict::Fails { .. })
            && self.probed.is_some_and(Probed::is_broken)
    }

    /// What the probe showed.
    pub fn probe_findings(&self) -> &'r [ProbeFinding] {
        self.probed.map_or(&[], |probed| &probed.findings)
    }

    /// Its colour.
    pub(super) fn style(&self) -> Style {
        if self.breaks_when_loaded() {
            return Style::new().fg_color(Some(AnsiColor::Red.into()));
        }
        style(&self.library.judgement.verdict, self.library.class)
    }

    /// The probe in two words: `crashed SIGSEGV`. Nothing in it comes from a file.
    pub fn probe_word(&self) -> String {
        match self.probed.map(|probed| &probed.outcome) {
            Some(ProbeOutcome::Crashed { signal }) => match signal_name(*signal) {
                Some(name) => format!("crashed {name}"),
                None => format!("crashed {signal}"),
            },
            Some(ProbeOutcome::Exited { status }) => format!("exited {status}"),
            Some(outcome) => outcome.name().to_owned(),
            None => String::new(),
        }
    }
}
