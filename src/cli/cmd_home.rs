//! A home judged and reported: what `verify NAME`, `doctor` and `audit` without a directory have in common.
//! It must never write into the home; a name it does not know is an error of its own (3).
//! Two environments are two loader models over the same files: plain first, then that of tsuku's wrappers.

use std::io::Write;
use std::ops::Range;

use super::args::{As, HomeArgs};
use super::batch;
use super::complain;
use super::exit::{Exit, Failure};
use super::level3::{Below, Candidate, Probed, Prober};
use super::progress::Progress;
use super::remember::remembered;
use super::report::doctor;
use super::report::escape::escaped;
use super::report::home::{self as text, Shown};
use super::report::home_json;
use super::report::output::Sink;
use super::report::problem::Case;
use super::report::surveyed::Surveyed;
use super::request::{Format, Judging, Loudness, Run, home_place};
use super::session::{self, LibraryPath, Session};
use crate::analyzer::detect;
use crate::analyzer::host::real::ByteStore;
use crate::analyzer::loader_model::ModelReport;
use crate::home::layout::joined;
use crate::home::near::near;
use crate::home::providers::Index;
use crate::home::survey::{Status, Surroundings, Survey, TreeReport};
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
    if judging.profiles.len() > 1 {
        return Err(Failure::Usage("a home is judged for one profile at a time".to_owned()));
    }
    let store = ByteStore::new();
    let machine = session::machine(&store, judging)?;
    let host = machine.host.as_ref();
    let unable = |e: HomeError| Failure::Unable(e.to_string());
    let place = home_place(args).ok_or_else(|| unable(HomeError::Unnamed))?;
    let home = targets::read(host, &place).map_err(unable)?;
    let path = home.wrapper_path(host);
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
        let named = home.trees.iter().filter(|t| t.name == name && !t.version.is_empty());
        let versions: Vec<String> = named.map(|t| escaped(t.version.as_bytes())).collect();
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

/// Judges all trees and reports, unless the result is known.
///
/// # Errors
/// There is no home, or what keeps all of the work from being done.
pub fn all(judging: Judging, run: Run, args: &HomeArgs, view: View) -> Result<Exit, Failure> {
    remembered(judging, run.of_home(), &(view, args, home_place(args)), |judging, run| {
        let home = read(judging, args)?;
        let all: Vec<usize> = (0..home.0.trees.len()).collect();
        self::run(judging, run, args, home, &all, view)
    })
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
    let path = LibraryPath {
        elf: put_in_front(&mut wrapped.env, b"LD_LIBRARY_PATH", &path),
        macho: put_in_front(&mut wrapped.env, b"DYLD_LIBRARY_PATH", &path),
    };
    let prober = Prober::new(run, judging, args)?;
    session::with(judging, run.jobs, |s| {
        let survey = Survey::new(s.host, home, chosen);
        let index = Index::new(&survey);
        let probes = survey.trees.iter().map(|t| t.judged.iter().map(|_| None).collect()).collect();
        let integrity = args.integrity;
        let stale = s.model.cache.as_ref().and_then(|cache| detect::changed_since(s.host, cache));
        let wrapped = &wrapped;
        let mut job = Job { run, judging, wrapped, view, integrity, survey, index, prober, stale, probes };
        match args.surroundings {
            As::Plain => job.all(Some(s), None),
            As::Wrapper => s.with_library_path(&path, |w| job.all(None, Some(w)))?,
            As::Both => match s.with_library_path(&path, |w| job.all(Some(s), Some(w))) {
                Ok(done) => done,
                Err(Failure::Unable(why)) => {
                    run.recording.iter().for_each(|recording| recording.spoil());
                    complain(&format!("no program starts under the wrapper ({why}): judged plainly only"));
                    job.all(Some(s), None)
                }
                Err(other) => Err(other),
            },
        }
    })
}

/// Puts directories in front of those a variable names already, as tsuku's wrappers do; the new value, if there is one.
fn put_in_front(env: &mut Vec<(Vec<u8>, Vec<u8>)>, name: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let old = env.iter().rposition(|(k, _)| k == name).map(|at| env.remove(at).1);
    // An empty element would be the working directory: nothing is joined to nothing.
    let parts: Vec<Vec<u8>> = [path.to_vec()].into_iter().chain(old).filter(|p| !p.is_empty()).collect();
    let value = Some(parts.join(&b':')).filter(|value| !value.is_empty());
    env.extend(value.iter().map(|value| (name.to_vec(), value.clone())));
    value
}

/// Files judged between two outputs of NDJSON: fewer where each is loaded, too.
const PORTION: [usize; 2] = [1024, 64];

/// The work on one home.
struct Job<'r> {
    run: &'r Run,
    judging: &'r Judging,
    wrapped: &'r Judging,
    view: View,
    integrity: bool,
    survey: Survey,
    index: Index,
    prober: Option<Prober<'r>>,
    /// Directories that changed after the loader's cache was written.
    stale: Option<Vec<Vec<u8>>>,
    /// One a file, tree by tree.
    probes: Vec<Vec<Option<Probed>>>,
}

impl Job<'_> {
    /// Judges in the surroundings that are given, plain ones first, and reports.
    fn all(
        &mut self,
        plain: Option<&Session<'_, '_>>,
        wrapper: Option<&Session<'_, '_>>,
    ) -> Result<Exit, Failure> {
        let run = self.run;
        let progress = Progress::new(
            self.survey.len() * (usize::from(plain.is_some()) + usize::from(wrapper.is_some())),
            &run.interruption.counts,
            run.watched,
        );
        let loader = plain.map(|s| s.loaders.describe()).or_else(|| wrapper.map(|s| s.loaders.describe()));
        let surroundings = match (plain, wrapper) {
            (Some(_), Some(_)) => "plain and wrapper",
            (None, Some(_)) => "wrapper",
            _ => "plain",
        };
        let all = 0..self.survey.trees.len();
        let streams = run.format == Format::Ndjson && run.loudness != Loudness::Quiet;
        let mut lines = if streams { Some(Sink::data(run)?) } else { None };
        let portions = if streams { self.portions() } else { vec![all] };
        for trees in portions {
            if let Some(s) = plain {
                self.judge(trees.clone(), Surroundings::Plain, s, &progress);
            }
            if let Some(s) = wrapper {
                self.judge(trees.clone(), Surroundings::Wrapper, s, &progress);
            }
            progress.clear();
            // Which verdict counts is known when both are there.
            if let Some(s) = plain {
                self.probe(trees.clone(), Surroundings::Plain, s)?;
            }
            if let Some(s) = wrapper {
                self.probe(trees.clone(), Surroundings::Wrapper, s)?;
            }
            match (plain, wrapper) {
                (_, Some(s)) => self.conclude(trees.clone(), s),
                (Some(s), None) => self.conclude(trees.clone(), s),
                (None, None) => {}
            }
            if let Some(out) = &mut lines {
                let surveyed = self.surveyed();
                for tree in surveyed.trees().skip(trees.start).take(trees.len()) {
                    home_json::tree(out, tree, run.strict)?;
                    out.write_all(b"\n")?;
                }
                out.flush()?;
            }
        }
        match (lines, loader) {
            (Some(out), _) => out.finish()?,
            (None, Some(loader)) => self.report(&loader, surroundings)?,
            (None, None) => {}
        }
        let surveyed = self.surveyed();
        let mut statuses = surveyed.trees().map(|t| t.status(run.strict));
        let unable = |t: &TreeReport| !t.listing.unlisted.is_empty();
        Ok(if statuses.any(Status::is_failure) {
            Exit::Broken
        } else if self.survey.trees.iter().any(unable) {
            Exit::Unable
        } else {
            Exit::Clean
        })
    }

    fn surveyed(&self) -> Surveyed<'_> {
        Surveyed { survey: &self.survey, probes: &self.probes }
    }

    /// Ranges of trees with about as many files as are told at once.
    fn portions(&self) -> Vec<Range<usize>> {
        let [many, few] = PORTION;
        let enough = if self.prober.is_some() { few } else { many };
        let mut out = Vec::new();
        let (mut start, mut files) = (0, 0);
        for (at, tree) in self.survey.trees.iter().enumerate() {
            files += tree.judged.len();
            if files >= enough {
                out.push(start..at + 1);
                (start, files) = (at + 1, 0);
            }
        }
        out.push(start..self.survey.trees.len());
        out
    }

    fn conclude(&mut self, trees: Range<usize>, s: &Session<'_, '_>) {
        self.survey.conclude(trees, s.host, s.disk, &self.index, self.integrity);
    }

    /// Verdicts of some trees in one environment.
    fn judge(
        &mut self,
        trees: Range<usize>,
        surroundings: Surroundings,
        s: &Session<'_, '_>,
        progress: &Progress,
    ) {
        self.survey.judge(trees, s.loaders, self.run.level, surroundings, &|l| progress.count(l));
    }

    /// Probes of the files whose verdict there is the one that counts.
    fn probe(
        &mut self,
        trees: Range<usize>,
        surroundings: Surroundings,
        s: &Session<'_, '_>,
    ) -> Result<(), Failure> {
        let Some(prober) = self.prober.take() else { return Ok(()) };
        let prober = prober.judging(match surroundings {
            Surroundings::Plain => self.judging,
            Surroundings::Wrapper => self.wrapped,
        });
        let below = Below::new(s.host, &s.model.cwd, std::slice::from_ref(&self.survey.home.place.path));
        let mut places = Vec::new();
        let mut candidates = Vec::new();
        let chosen = self.survey.trees.get(trees.clone()).unwrap_or_default();
        for (slots, report) in self.probes.iter_mut().skip(trees.start).zip(chosen) {
            for (slot, judged) in slots.iter_mut().zip(&report.judged) {
                if let Some(library) = judged.counting_in(surroundings) {
                    candidates.push(Candidate { library, inside: below.contains(&library.path) });
                    places.push(slot);
                }
            }
        }
        let answers = prober.probe(s, &candidates)?;
        for (place, answer) in places.into_iter().zip(answers) {
            *place = Some(answer);
        }
        self.prober = Some(prober);
        Ok(())
    }

    fn report(&self, loader: &ModelReport, surroundings: &'static str) -> Result<(), Failure> {
        let run = self.run;
        if run.loudness == Loudness::Quiet {
            return Ok(());
        }
        let header = self.prober.as_ref().map(Prober::header);
        let shown = Shown {
            loader,
            stale: self.stale.as_deref(),
            level: run.level,
            level3: header.as_ref(),
            strict: run.strict,
            verbose: run.loudness == Loudness::Verbose,
            explain: run.explain,
            width: if run.output.is_some() { None } else { run.screen.width },
            surroundings,
        };
        let survey = &self.surveyed();
        let mut out = if run.format == Format::Table { Sink::people(run)? } else { Sink::data(run)? };
        match run.format {
            Format::Json | Format::Ndjson => home_json::write(&mut out, survey, shown)?,
            Format::Sarif | Format::Junit | Format::Github => {
                batch::cases_as(run.format, &mut out, &Case::of_survey(survey, run.strict))?;
            }
            Format::Table => match self.view {
                View::Trees => text::trees(&mut out, survey, shown)?,
                View::Doctor => doctor::doctor(&mut out, survey, shown)?,
                View::Files => text::files(&mut out, survey, shown)?,
            },
        }
        Ok(out.finish()?)
    }
}

/// An operand that is a file although it has no slash: nothing of the home is called so, and something here is.
pub fn is_file(judging: &Judging, operand: &[u8]) -> bool {
    let store = ByteStore::new();
    let machine = session::machine(&store, judging);
    machine.is_ok_and(|m| m.host.stat(&joined(&judging.cwd, operand)).is_ok())
}
