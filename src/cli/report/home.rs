//! Chosen trees of a home in words, or file by file: verdicts, what breaks them, and what mends them.
//! It must never wrap where nobody looks, or let a name of a file set colours or cursor.
//! Consequence first, then evidence, then what to do.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::super::level3::Header;
use super::escape::escaped;
use super::explainer::Explainer;
use super::problem::severity_name;
use super::surveyed::{Surveyed, TreeRow};
use super::text::details;
use super::{FAINT, HEADING, Totals, counted, paragraph, probe, table};
use crate::analyzer::audit::{self, Level};
use crate::analyzer::finding::Severity;
use crate::analyzer::loader_model::ModelReport;
use crate::home::catalogue;
use crate::home::finding::HomeFinding;
use crate::home::integrity::Integrity;
use crate::home::mend::Mend;
use crate::home::survey::Status;

/// What a report is made of besides the survey.
#[derive(Clone, Copy)]
pub struct Shown<'r> {
    /// The loader.
    pub loader: &'r ModelReport,
    /// Directories that changed after the loader's cache was written; none if there is nothing to compare.
    pub stale: Option<&'r [Vec<u8>]>,
    /// How deep it went.
    pub level: Level,
    /// Level 3, if it was asked for.
    pub level3: Option<&'r Header>,
    /// Files that lack only their host fail too.
    pub strict: bool,
    /// Everything.
    pub verbose: bool,
    /// What codes mean, under the first finding of each.
    pub explain: bool,
    /// Columns to fill.
    pub width: Option<u16>,
    /// Environments judged.
    pub surroundings: &'static str,
}

impl Shown<'_> {
    /// Columns of a paragraph: it is broken only where somebody looks.
    pub fn columns(&self) -> usize {
        self.width.map_or(usize::MAX, usize::from)
    }

    /// Level 3 as a section of its own.
    ///
    /// # Errors
    /// The writer's.
    pub fn level3(&self, out: &mut dyn Write, survey: &Surveyed<'_>) -> io::Result<()> {
        match self.level3 {
            Some(header) => {
                probe::section(out, header, &survey.rows(), usize::from(self.width.unwrap_or(100)))
            }
            None => Ok(()),
        }
    }
}

/// The colour of a status.
pub fn color(status: Status) -> Style {
    let color = match status {
        Status::Ok | Status::NoLibraries => AnsiColor::Green,
        Status::Warned | Status::Undecided => AnsiColor::Yellow,
        Status::Missing | Status::Changed | Status::Broken => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into()))
}

/// The chosen trees, one after the other, each in full.
///
/// # Errors
/// The writer's.
pub fn trees(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let explainer = Explainer::wanting(shown.explain, shown.width);
    for (at, row) in survey.trees().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        tree(out, row, shown, &explainer)?;
    }
    shown.level3(out, survey)
}

fn tree(out: &mut dyn Write, row: TreeRow<'_>, shown: Shown<'_>, explainer: &Explainer) -> io::Result<()> {
    let report = row.report;
    let status = row.status(shown.strict);
    let style = color(status);
    let mut facts = vec![counted(report.judged.len(), "file") + " judged"];
    match &report.integrity {
        Some(Integrity::Compared { same, .. }) => {
            facts.push(format!("{} as installed", counted(*same, "file")))
        }
        Some(Integrity::NotRecorded) => facts.push("no sums recorded".to_owned()),
        None => {}
    }
    if !report.tree.used_by.is_empty() {
        facts.push(format!("used by {}", escaped(report.tree.used_by.join(", ").as_bytes())));
    }
    let spec = escaped(report.tree.spec().as_bytes());
    let name = status.name();
    let works = if status == Status::Ok { " is working correctly" } else { "" };
    let facts = facts.join("; ");
    writeln!(out, "{style}{name}{style:#}  {HEADING}{spec}{HEADING:#}{works}  {FAINT}[{facts}]{FAINT:#}")?;
    for (_, file) in row.rows() {
        let found = !file.library.judgement.findings.is_empty() || !file.probe_findings().is_empty();
        if !file.is_fine() || (shown.verbose && found) {
            details(out, file, explainer)?;
        } else if shown.verbose {
            writeln!(out, "{}: loads", escaped(&file.library.path))?;
        }
    }
    for f in report.all_findings().filter(|f| shown.verbose || f.severity() > Severity::Note) {
        finding(out, f, &report.tree.path, shown, explainer)?;
    }
    mends(out, report.mends.iter(), shown)
}

/// One finding about the home below a heading that names `dir`.
///
/// # Errors
/// The writer's.
pub fn finding(
    out: &mut dyn Write,
    f: &HomeFinding,
    dir: &[u8],
    shown: Shown<'_>,
    explainer: &Explainer,
) -> io::Result<()> {
    let text = escaped(catalogue::text_below(f, dir).as_bytes());
    let line = format!("{} {}: {text}", severity_name(f.severity()), f.code());
    hanging(out, &line, "  ", shown)?;
    explainer.say(out, f.code(), "    ")
}

/// Suggestions: every reason, then the command that does it, each command once.
///
/// # Errors
/// The writer's.
pub fn mends<'m>(
    out: &mut dyn Write,
    all: impl Iterator<Item = &'m Mend>,
    shown: Shown<'_>,
) -> io::Result<()> {
    let mut by_command: BTreeMap<Option<Vec<u8>>, Vec<&Mend>> = BTreeMap::new();
    for mend in all {
        by_command.entry(mend.command()).or_default().push(mend);
    }
    for (command, reasons) in by_command {
        for mend in reasons {
            hanging(out, &format!("mend: {}", escaped(mend.text().as_bytes())), "  ", shown)?;
        }
        if let Some(command) = command {
            writeln!(out, "    $ {HEADING}{}{HEADING:#}", escaped(&command))?;
        }
    }
    Ok(())
}

/// A paragraph whose later lines are further in.
///
/// # Errors
/// The writer's.
pub fn hanging(out: &mut dyn Write, text: &str, indent: &str, shown: Shown<'_>) -> io::Result<()> {
    let columns = shown.columns();
    let (mut first, mut rest) = (String::new(), text);
    // The first line by hand: it starts further out.
    while let Some((word, more)) = rest.split_once(' ').or((!rest.is_empty()).then_some((rest, ""))) {
        let wider = indent.len() + first.chars().count() + 1 + word.chars().count();
        if !first.is_empty() && wider > columns {
            break;
        }
        if !first.is_empty() {
            first.push(' ');
        }
        first.push_str(word);
        rest = more;
    }
    writeln!(out, "{indent}{first}")?;
    if rest.is_empty() { Ok(()) } else { paragraph(out, rest, &format!("{indent}  "), columns) }
}

/// File by file, as `audit` of directories has it.
///
/// # Errors
/// The writer's.
pub fn files(out: &mut dyn Write, survey: &Surveyed<'_>, shown: Shown<'_>) -> io::Result<()> {
    let all = survey.rows();
    let told: Vec<_> = all.iter().copied().filter(|row| shown.verbose || !row.is_fine()).collect();
    table::rows(out, told.iter().copied(), shown.width)?;
    if shown.explain || shown.verbose {
        let explainer = Explainer::wanting(shown.explain, shown.width);
        for row in told.iter().filter(|row| !row.library.judgement.findings.is_empty()) {
            details(out, *row, &explainer)?;
            writeln!(out)?;
        }
    }
    table::totals(out, &Totals::of(all.iter().map(|row| row.library)))?;
    table::root_causes(out, &audit::root_causes(all.iter().map(|row| row.library)), shown.verbose)?;
    shown.level3(out, survey)
}
