//! Many libraries judged and reported: what `audit` and `verify` have in common.
//! It must never print before the order of the input is restored, nor hold back lines that could be printed.
//! NDJSON goes out in portions; the other forms need all results at once.

use std::io::Write;

use super::complain;
use super::exit::{Exit, Failure};
use super::level3::{Below, Candidate, Header, Prober};
use super::progress::Progress;
use super::report::escape::escaped;
use super::report::explainer::Explainer;
use super::report::output::Sink;
use super::report::problem::Case;
use super::report::row::Row;
use super::report::{Totals, github, json, junit, ndjson, probe, sarif, table, text};
use super::request::{Format, Loudness, Run};
use super::session::Session;
use crate::analyzer::audit::{self, Library, Plan, Unlisted};
use crate::analyzer::finding::Finding;
use crate::analyzer::host::Errno;
use crate::analyzer::timings::{self, Phase};
use crate::analyzer::verdict::{Class, Verdict};

/// Libraries judged between two outputs of NDJSON. What is learned of one serves only others of the same portion.
const PORTION: usize = 8192;
/// As many failing libraries are told in full without being asked for.
const TOLD_IN_FULL: usize = 10;

/// Which command asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Whatever lies in directories: files for other machines are expected there.
    Audit,
    /// These files: each is meant to load here.
    Verify,
}

/// What is to be judged.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    /// In this order.
    pub paths: &'w [Vec<u8>],
    /// What could not be looked at.
    pub unlisted: &'w [Unlisted],
    /// What is not below these is judged and not loaded; none if each path was named.
    pub below: Option<&'w [Vec<u8>]>,
    /// Level 3, if it is asked for.
    pub prober: Option<&'w Prober<'w>>,
}

/// Judges and reports.
///
/// # Errors
/// The report cannot be written.
pub fn run(session: &Session<'_, '_>, run: &Run, asked: Asked, work: &Work<'_>) -> Result<Exit, Failure> {
    let Work { paths, unlisted, .. } = *work;
    let progress = Progress::new(paths.len(), &run.interruption.counts, run.watched);
    let judge = |paths: &[Vec<u8>]| {
        let plan = Plan { level: run.level, mode: run.mode, programs: asked == Asked::Audit };
        audit::run(session.loaders, paths, plan, &|library| progress.count(library))
    };
    if run.format != Format::Json {
        for u in unlisted {
            run.recording.iter().for_each(|recording| recording.spoil());
            complain(&format!("cannot look at {}: {}", escaped(&u.path), u.errno));
        }
    }
    let below = work.below.map(|dirs| Below::new(session.host, &session.disk.model().cwd, dirs));
    let load = |libraries: &[Library]| {
        let Some(prober) = work.prober else { return Ok(Vec::new()) };
        let inside = |l: &Library| below.as_ref().is_none_or(|below| below.contains(&l.path));
        let candidates: Vec<Candidate<'_>> =
            libraries.iter().map(|library| Candidate { library, inside: inside(library) }).collect();
        prober.probe(session, &candidates)
    };
    let mut exit = Exit::Clean;
    let mut note = |rows: &[Row<'_>]| {
        if rows.iter().any(|row| breaks(*row, asked, run.strict)) {
            exit = Exit::Broken;
        } else if exit == Exit::Clean && rows.iter().any(|row| vanished(row.library, asked)) {
            exit = Exit::Unable;
        }
    };
    if run.format == Format::Ndjson {
        let mut out = Sink::data(run)?;
        for portion in paths.chunks(PORTION) {
            let libraries = judge(portion);
            progress.clear();
            let probed = load(&libraries)?;
            let rows = Row::all(&libraries, &probed);
            note(&rows);
            if run.loudness == Loudness::Quiet {
                continue;
            }
            timings::time(session.disk.timings(), Phase::Report, || ndjson::lines(&mut out, &rows))?;
            out.flush()?;
        }
        out.finish()?;
        return Ok(exit);
    }
    let libraries = judge(paths);
    progress.clear();
    let probed = load(&libraries)?;
    let rows = Row::all(&libraries, &probed);
    note(&rows);
    let level3 = work.prober.map(Prober::header);
    let report = || match run.format {
        _ if run.loudness == Loudness::Quiet => Ok(()),
        Format::Json => {
            let mut out = Sink::data(run)?;
            let document = json::Document {
                loader: &session.loaders.describe(),
                other_loaders: &session.loaders.others(),
                rows: &rows,
                level3: level3.as_ref(),
                root_causes: &audit::root_causes(&libraries),
                unlisted,
            };
            json::write(&mut out, &document)?;
            Ok(out.finish()?)
        }
        Format::Sarif | Format::Junit | Format::Github => {
            let cases: Vec<Case> =
                rows.iter().map(|row| Case::of_library(*row, breaks(*row, asked, run.strict))).collect();
            let mut out = Sink::data(run)?;
            cases_as(run.format, &mut out, &cases)?;
            Ok(out.finish()?)
        }
        Format::Table | Format::Ndjson => people(run, asked, &rows, level3.as_ref()),
    };
    timings::time(session.disk.timings(), Phase::Report, report)?;
    Ok(exit)
}

/// The report for people.
fn people(run: &Run, asked: Asked, rows: &[Row<'_>], level3: Option<&Header>) -> Result<(), Failure> {
    let mut out = Sink::people(run)?;
    let verbose = run.loudness == Loudness::Verbose;
    let explainer = Explainer::new(run);
    if let ([only], Asked::Verify) = (rows, asked) {
        text::details(&mut out, *only, &explainer)?;
        return Ok(out.finish()?);
    }
    let all = verbose || asked == Asked::Verify;
    table::rows(&mut out, rows.iter().copied().filter(|row| all || !row.is_fine()), run.screen.width)?;
    let found =
        |row: &Row<'_>| !row.library.judgement.findings.is_empty() || !row.probe_findings().is_empty();
    let told: Vec<&Row<'_>> = rows.iter().filter(|row| !row.is_fine() || (verbose && found(row))).collect();
    if verbose || run.explain || (asked == Asked::Verify && told.len() <= TOLD_IN_FULL) {
        for row in told {
            text::details(&mut out, *row, &explainer)?;
            writeln!(out)?;
        }
    }
    table::totals(&mut out, &Totals::of(rows.iter().map(|row| row.library)))?;
    let causes = audit::root_causes(rows.iter().map(|row| row.library));
    table::root_causes(&mut out, &causes, verbose)?;
    if let Some(header) = level3 {
        probe::section(&mut out, header, rows, usize::from(run.screen.width.unwrap_or(100)))?;
    }
    Ok(out.finish()?)
}

/// The forms that other programs read as a list of problems.
pub(super) fn cases_as(format: Format, out: &mut dyn Write, cases: &[Case]) -> std::io::Result<()> {
    match format {
        Format::Junit => junit::write(out, cases),
        Format::Github => github::write(out, cases),
        _ => sarif::write(out, cases),
    }
}

/// Whether a library makes the run fail.
pub(super) fn breaks<'r>(row: impl Into<Row<'r>>, asked: Asked, strict: bool) -> bool {
    let row = row.into();
    if !fails(row.library) {
        return row.breaks_when_loaded();
    }
    if vanished(row.library, asked) {
        return false;
    }
    match row.library.class {
        Some(Class::NeedsHost) => strict,
        Some(Class::Foreign) => strict || asked == Asked::Verify,
        Some(Class::Broken | Class::Underlinked) | None => true,
    }
}

/// Found in a directory, and gone when it was to be judged: nobody's fault, but not looked at either.
fn vanished(library: &Library, asked: Asked) -> bool {
    let gone = Finding::CannotOpen { errno: Errno::ENOENT };
    asked == Asked::Audit && library.judgement.findings.first() == Some(&gone)
}

fn fails(library: &Library) -> bool {
    matches!(library.judgement.verdict, Verdict::Fails { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::verdict::Judgement;

    fn library(verdict: Verdict, class: Option<Class>) -> Library {
        let judgement = Judgement { verdict, findings: Vec::new(), level_reached: 1 };
        Library {
            path: b"l".to_vec(),
            judgement,
            class,
            missing: Vec::new(),
            because: None,
            loader: "".into(),
            init: None,
        }
    }

    #[test]
    fn classes_that_nobody_has_to_mend_here_do_not_fail_the_run() {
        let failing = |class| library(Verdict::Fails { message: None, dies: None }, Some(class));
        let judged = |class| {
            [(Asked::Audit, false), (Asked::Verify, false), (Asked::Audit, true)]
                .map(|(asked, strict)| breaks(&failing(class), asked, strict))
        };
        assert_eq!(judged(Class::Broken), [true, true, true]);
        assert_eq!(judged(Class::Underlinked), [true, true, true]);
        assert_eq!(judged(Class::NeedsHost), [false, false, true]);
        assert_eq!(judged(Class::Foreign), [false, true, true]);
    }

    #[test]
    fn doubts_do_not_fail_the_run() {
        assert!(!breaks(&library(Verdict::Undecided, None), Asked::Verify, true));
        assert!(!breaks(&library(Verdict::Loads, None), Asked::Verify, true));
    }
}
