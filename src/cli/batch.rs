//! Many libraries judged and reported: what `audit` and `verify` have in common.
//! It must never print before the order of the input is restored, nor hold back lines that could be printed.
//! NDJSON goes out in portions; the other forms need all results at once.

use std::io::Write;

use super::complain;
use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::report::escape::escaped;
use super::report::output::Sink;
use super::report::problem::Case;
use super::report::{Totals, github, json, junit, ndjson, sarif, table, text};
use super::request::{Format, Loudness, Run};
use super::session::Session;
use crate::analyzer::audit::{self, Library, Plan, Unlisted};
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

/// Judges and reports.
///
/// # Errors
/// The report cannot be written.
pub fn run(
    session: &Session<'_, '_>,
    run: &Run,
    asked: Asked,
    paths: &[Vec<u8>],
    unlisted: &[Unlisted],
) -> Result<Exit, Failure> {
    let progress = Progress::new(paths.len(), run.watched);
    let judge = |paths: &[Vec<u8>]| {
        let plan = Plan { level: run.level, mode: run.mode, programs: asked == Asked::Audit };
        audit::run(session.loaders, paths, plan, &|_| progress.count())
    };
    if run.format != Format::Json {
        for u in unlisted {
            complain(&format!("cannot look at {}: {}", escaped(&u.path), u.errno));
        }
    }
    let mut exit = Exit::Clean;
    let mut note = |libraries: &[Library]| {
        if libraries.iter().any(|l| breaks(l, asked, run.strict)) {
            exit = Exit::Broken;
        }
    };
    if run.format == Format::Ndjson {
        let mut out = Sink::data(run)?;
        for portion in paths.chunks(PORTION) {
            let libraries = judge(portion);
            progress.clear();
            note(&libraries);
            if run.loudness == Loudness::Quiet {
                continue;
            }
            for l in &libraries {
                ndjson::object(&mut out, l)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
        out.finish()?;
        return Ok(exit);
    }
    let libraries = judge(paths);
    progress.clear();
    note(&libraries);
    match run.format {
        _ if run.loudness == Loudness::Quiet => {}
        Format::Json => {
            let mut out = Sink::data(run)?;
            let document = json::Document {
                loader: &session.model.describe(),
                other_loaders: &session.loaders.others(),
                libraries: &libraries,
                root_causes: &audit::root_causes(&libraries),
                unlisted,
            };
            json::write(&mut out, &document)?;
            out.finish()?;
        }
        Format::Sarif | Format::Junit | Format::Github => {
            let cases: Vec<Case> =
                libraries.iter().map(|l| Case::of_library(l, breaks(l, asked, run.strict))).collect();
            let mut out = Sink::data(run)?;
            cases_as(run.format, &mut out, &cases)?;
            out.finish()?;
        }
        Format::Table | Format::Ndjson => people(run, asked, &libraries)?,
    }
    Ok(exit)
}

/// The report for people.
fn people(run: &Run, asked: Asked, libraries: &[Library]) -> Result<(), Failure> {
    let mut out = Sink::people(run)?;
    let verbose = run.loudness == Loudness::Verbose;
    if let ([only], Asked::Verify) = (libraries, asked) {
        text::details(&mut out, only)?;
        return Ok(out.finish()?);
    }
    let all = verbose || asked == Asked::Verify;
    let loads = |l: &Library| l.judgement.verdict == Verdict::Loads;
    table::rows(&mut out, libraries.iter().filter(|l| all || !loads(l)), run.screen.width)?;
    let told: Vec<&Library> =
        libraries.iter().filter(|l| !loads(l) || (verbose && !l.judgement.findings.is_empty())).collect();
    if verbose || (asked == Asked::Verify && told.len() <= TOLD_IN_FULL) {
        for l in told {
            text::details(&mut out, l)?;
            writeln!(out)?;
        }
    }
    table::totals(&mut out, &Totals::of(libraries))?;
    table::root_causes(&mut out, &audit::root_causes(libraries), verbose)?;
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
pub(super) fn breaks(library: &Library, asked: Asked, strict: bool) -> bool {
    if !matches!(library.judgement.verdict, Verdict::Fails { .. }) {
        return false;
    }
    match library.class {
        Some(Class::NeedsHost) => strict,
        Some(Class::Foreign) => strict || asked == Asked::Verify,
        Some(Class::Broken | Class::Underlinked) | None => true,
    }
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
