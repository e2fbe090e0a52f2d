//! A home judged and reported: what `verify NAME`, `doctor` and `audit` without a directory have in common.
//! It must never write into the home; a name it does not know is an error of its own (3).
//! Two environments are two loader models over the same files: plain first, then that of tsuku's wrappers.

use std::io::Write;

use super::args::{As, HomeArgs};
use super::batch;
use super::complain;
use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::report::escape::escaped;
use super::report::home::{self as text, Shown};
use super::report::output::Sink;
use super::report::problem::Case;
use super::report::{Totals, home_json, table};
use super::request::{Format, Judging, Loudness, Run, home_place};
use super::session::{self, Session};
use crate::analyzer::audit::Library;
use crate::analyzer::host::real::ByteStore;
use crate::analyzer::loader_model::ModelReport;
use crate::analyzer::verdict::Verdict;
use crate::home::layout::joined;
use crate::home::near::near;
use crate::home::survey::{Judged, Surroundings, Survey};
use crate::home::targets::{self, Home, HomeError};

/// Which report is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Each chosen tree in full.
    Trees,
    /// The whole home, by tables.
    Doctor,
    /// File by file.
    Files,
}

/// Reads the home as it is meant.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn read(judging: &Judging, args: &HomeArgs) -> Result<(Home, Vec<u8>), Failure> {
    let store = ByteStore::new();
    let host = session::host(&store, judging);
    let unable = |e: HomeError| Failure::Unable(e.to_string());
    let place = home_place(args).ok_or_else(|| unable(HomeError::Unnamed))?;
    let home = targets::read(&host, &place).map_err(unable)?;
    let path = home.wrapper_path(&host);
    Ok((home, path))
}

/// The trees that `names` mean, each once.
///
/// # Errors
/// A name that is not there, with those it may have been meant for.
pub fn chosen(home: &Home, names: &[String]) -> Result<Vec<usize>, Failure> {
    let mut all = Vec::new();
    for name in names {
        match home.select(name) {
            Some(found) => all.extend(found),
            None => return Err(Failure::UnknownName(unknown(home, name))),
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn unknown(home: &Home, asked: &str) -> String {
    let shown = escaped(asked.as_bytes());
    let place = escaped(&home.place.path);
    if let Some((name, _)) = asked.rsplit_once('@') {
        let versions: Vec<String> =
            home.trees.iter().filter(|t| t.name == name).map(|t| escaped(t.version.as_bytes())).collect();
        if !versions.is_empty() {
            let name = escaped(name.as_bytes());
            return format!(
                "{shown} is not installed in {place}; of {name} there is {}",
                versions.join(", ")
            );
        }
    }
    let near: Vec<String> = near(asked, home.trees.iter().map(|t| t.name.as_str()))
        .into_iter()
        .map(|n| escaped(n.as_bytes()))
        .collect();
    match near.is_empty() {
        true => format!("{shown} is not installed in {place}; `doctor` lists what is"),
        false => format!("{shown} is not installed in {place}; did you mean {}?", near.join(" or ")),
    }
}

/// Judges the chosen trees and reports.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(
    judging: &Judging,
    run: &Run,
    args: &HomeArgs,
    read: (Home, Vec<u8>),
    chosen: &[usize],
    view: View,
) -> Result<Exit, Failure> {
    let (home, path) = read;
    let mut wrapped = judging.clone();
    let old =
        wrapped.env.iter().rposition(|(k, _)| k == b"LD_LIBRARY_PATH").map(|at| wrapped.env.remove(at).1);
    // An empty element would be the working directory: as the wrappers do, nothing is joined to nothing.
    let parts: Vec<Vec<u8>> = [path].into_iter().chain(old).filter(|p| !p.is_empty()).collect();
    let path = parts.join(&b':');
    if !path.is_empty() {
        wrapped.env.push((b"LD_LIBRARY_PATH".to_vec(), path));
    }
    let work = |s: &Session<'_, '_>, survey: &mut Survey, surroundings| {
        let progress = Progress::new(survey.len(), run.watched);
        survey.judge(s.loaders, run.level, surroundings, &|| progress.count());
        progress.clear();
        s.model.describe()
    };
    let integrity = args.integrity;
    let first = if args.surroundings == As::Wrapper { Surroundings::Wrapper } else { Surroundings::Plain };
    let only = args.surroundings != As::Both;
    let judging = if first == Surroundings::Wrapper { &wrapped } else { judging };
    let (mut survey, loader) = session::with(judging, run.jobs, |s| {
        let mut survey = Survey::new(s.host, home, chosen);
        let loader = work(s, &mut survey, first);
        if only {
            survey.conclude(s.host, s.disk, integrity);
        }
        Ok((survey, loader))
    })?;
    let mut surroundings = match first {
        Surroundings::Plain => "plain",
        Surroundings::Wrapper => "wrapper",
    };
    if !only {
        let second = |survey: &mut Survey, judging: &Judging, judge: bool| {
            session::with(judging, run.jobs, |s| {
                if judge {
                    work(s, survey, Surroundings::Wrapper);
                }
                survey.conclude(s.host, s.disk, integrity);
                Ok(())
            })
        };
        match second(&mut survey, &wrapped, true) {
            Ok(()) => surroundings = "plain and wrapper",
            Err(Failure::Unable(why)) => {
                complain(&format!("no program starts under the wrapper ({why}): judged plainly only"));
                second(&mut survey, judging, false)?;
            }
            Err(other) => return Err(other),
        }
    }
    report(run, &survey, view, &loader, surroundings)?;
    let failed = survey.trees.iter().any(|t| t.status(run.strict).is_failure());
    Ok(if failed { Exit::Broken } else { Exit::Clean })
}

fn report(
    run: &Run,
    survey: &Survey,
    view: View,
    loader: &ModelReport,
    surroundings: &'static str,
) -> Result<(), Failure> {
    if run.loudness == Loudness::Quiet {
        return Ok(());
    }
    let shown = Shown {
        loader,
        level: run.level,
        strict: run.strict,
        verbose: run.loudness == Loudness::Verbose,
        width: if run.output.is_some() { None } else { run.screen.width },
        surroundings,
    };
    let mut out = if run.format == Format::Table { Sink::people(run)? } else { Sink::data(run)? };
    match run.format {
        Format::Json => home_json::write(&mut out, survey, shown)?,
        Format::Ndjson => {
            for report in &survey.trees {
                home_json::tree(&mut out, report, shown)?;
                out.write_all(b"\n")?;
            }
        }
        Format::Sarif | Format::Junit | Format::Github => {
            batch::cases_as(run.format, &mut out, &Case::of_survey(survey, run.strict))?;
        }
        Format::Table => match view {
            View::Trees => text::trees(&mut out, survey, shown)?,
            View::Doctor => text::doctor(&mut out, survey, shown)?,
            View::Files => files(&mut out, survey, shown)?,
        },
    }
    Ok(out.finish()?)
}

/// The table of `audit`.
fn files(out: &mut Sink, survey: &Survey, shown: Shown<'_>) -> std::io::Result<()> {
    let all: Vec<&Library> =
        survey.trees.iter().flat_map(|t| &t.judged).filter_map(Judged::counting).collect();
    let loads = |l: &&&Library| shown.verbose || l.judgement.verdict != Verdict::Loads;
    table::rows(out, all.iter().filter(loads).copied(), shown.width)?;
    let mut totals = Totals::default();
    all.iter().for_each(|l| totals.add(l));
    table::totals(out, &totals)?;
    table::root_causes(out, &survey.root_causes(), shown.verbose)
}

/// An operand that is a file although it has no slash: nothing of the home is called so, and something here is.
pub fn is_file(judging: &Judging, operand: &[u8]) -> bool {
    use crate::analyzer::host::Host;
    let store = ByteStore::new();
    session::host(&store, judging).stat(&joined(&judging.cwd, operand)).is_ok()
}
