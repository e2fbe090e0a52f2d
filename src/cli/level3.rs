//! Level 3 for commands: a `Prober` is made before the work starts, and asked about libraries when they are judged.
//! It must never change a verdict, nor let a missing helper pass silently: one warning, or an error where it is required.
//!
//! `let prober = Prober::new(&run, &judging, &home_args)?` is `None` below level 3; then `prober.probe(&session, &candidates)`
//! gives one `Probed` a candidate, in their order, and `Row::new(&library, probed)` is what reports print.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::args::HomeArgs;
use super::complain;
use super::exit::Failure;
use super::report::escape::escaped;
use super::request::{Judging, Probing, Run, absolute, home_place};
use super::session::Session;
use crate::analyzer::audit::Library;
use crate::analyzer::checks::Mode;
use crate::analyzer::host::Host;
use crate::home::layout::resolved;
use crate::loader::escalate::{Escalation, decide};
use crate::loader::finding::{ProbeFinding, findings};
use crate::loader::helper::{Fidelity, Helper, HelperRequest, Source, resolve};
use crate::loader::options::{Limits, environment};
use crate::loader::pool::Household;
use crate::loader::sandbox::Sandbox;
use crate::loader::{Agreement, Details, ProbeOptions, ProbeOutcome, probe};

/// One library as Levels 1 and 2 left it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Prediction, path, and the code that runs while it is loaded.
    pub library: &'a Library,
    /// It was named, or its canonical path lies below what is audited.
    pub inside: bool,
}

/// What Level 3 has to say of one library.
#[derive(Clone, Debug)]
pub struct Probed {
    /// How it ended, or why it was not tried.
    pub outcome: ProbeOutcome,
    /// What surrounds the outcome.
    pub details: Details,
    /// Whether that is what was predicted.
    pub agreement: Agreement,
    /// What is to be said of it.
    pub findings: Vec<ProbeFinding>,
    /// The probe was wanted, and something outside the library kept it from being made.
    pub prevented: bool,
}

/// What a report says of Level 3 as a whole.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Header {
    /// Who probed; none if nobody did.
    pub helper: Option<HelperFacts>,
    /// Why nothing was probed.
    pub skipped: Option<String>,
    /// `--probe`.
    pub probe: Escalation,
    /// `--sandbox`.
    pub sandbox: Sandbox,
    /// Seconds one library may take.
    pub timeout: f64,
    /// The loader the probes ran under, if it is not the machine's.
    pub probe_loader: Option<String>,
}

/// The helper in a report.
#[derive(Clone, Debug, serde::Serialize)]
pub struct HelperFacts {
    /// Where it comes from.
    pub source: Source,
    /// Of what ran, in hex.
    pub sha256: String,
    /// How close to a process that links only libc.
    pub fidelity: Fidelity,
    /// It is the one that was built for this program.
    pub pinned: bool,
}

/// Level 3, ready to work.
#[derive(Debug)]
pub struct Prober<'r> {
    probing: &'r Probing,
    judging: &'r Judging,
    lazy: bool,
    helper: Result<Helper, String>,
    household: Option<Arc<Household>>,
    /// What was complained of already.
    said: Mutex<Vec<String>>,
}

impl<'r> Prober<'r> {
    /// Finds the helper; none below level 3.
    ///
    /// # Errors
    /// A helper was chosen that cannot be used, one was refused, or there is none and one is required.
    pub fn new(run: &'r Run, judging: &'r Judging, home: &HomeArgs) -> Result<Option<Prober<'r>>, Failure> {
        let Some(probing) = run.probing.as_ref().filter(|_| !home.skip_dlopen) else { return Ok(None) };
        let lazy = run.mode == Mode::Lazy;
        let said = Mutex::default();
        if probing.escalation == Escalation::Never {
            let helper = Err("no probe was wanted".to_owned());
            return Ok(Some(Prober { probing, judging, lazy, helper, household: None, said }));
        }
        let household = Some(run.interruption.household());
        let request = HelperRequest {
            home: home_place(home).map(|place| PathBuf::from(OsString::from_vec(place.path))),
            household: household.clone(),
            ..probing.helper.clone()
        };
        let helper = match resolve(&request) {
            Ok(helper) => {
                if let Some(warning) = &helper.warning {
                    complain(&escaped(warning.as_bytes()));
                }
                Ok(helper)
            }
            Err(error) if error.is_error() || probing.required => return Err(error.into()),
            Err(error) => {
                complain(&format!("level 3 is left out: {}", escaped(error.to_string().as_bytes())));
                Err(error.to_string())
            }
        };
        Ok(Some(Prober { probing, judging, lazy, helper, household, said }))
    }

    /// The same under another environment, such as that of a wrapper.
    pub fn judging<'o>(self, judging: &'o Judging) -> Prober<'o>
    where
        'r: 'o,
    {
        Prober { judging, ..self }
    }

    /// Loads what is worth it; one answer a candidate, in their order.
    ///
    /// # Errors
    /// Level 3 is required and could not be done.
    pub fn probe(&self, s: &Session<'_, '_>, candidates: &[Candidate<'_>]) -> Result<Vec<Probed>, Failure> {
        let helper = match &self.helper {
            Ok(helper) => helper,
            Err(why) => {
                return Ok(candidates.iter().map(|_| Probed::not_run(why.clone(), false)).collect());
            }
        };
        let asked: Vec<Result<Question, NotAsked>> =
            candidates.iter().map(|candidate| self.question(s, candidate)).collect();
        // One pool of helpers a loader.
        let mut loaders: Vec<&Option<PathBuf>> = asked.iter().flatten().map(|q| &q.loader).collect();
        loaders.sort_unstable();
        loaders.dedup();
        let mut answers: Vec<Option<(ProbeOutcome, Details)>> = asked.iter().map(|_| None).collect();
        for loader in loaders {
            let of_it =
                |asked: &Result<Question, NotAsked>| asked.as_ref().is_ok_and(|q| q.loader == *loader);
            let paths: Vec<Vec<u8>> =
                asked.iter().filter(|a| of_it(a)).flatten().map(|q| q.path.clone()).collect();
            let places = answers.iter_mut().zip(&asked).filter(|(_, a)| of_it(a)).map(|(place, _)| place);
            for (place, answer) in places.zip(probe(&paths, &self.options(helper, loader.as_deref()))) {
                *place = Some(answer);
            }
        }
        self.complain_once(answers.iter().flatten());
        let answered = candidates.iter().zip(asked).zip(answers);
        let all: Vec<Probed> = answered
            .map(|((candidate, asked), answer)| match (asked, answer) {
                (Ok(question), Some(answer)) => self.judged(candidate.library, answer, question.comparable),
                (Err(not_asked), _) => Probed::not_run(not_asked.reason, not_asked.prevented),
                (Ok(_), None) => Probed::not_run("the helper gave no answer".to_owned(), true),
            })
            .collect();
        let mut prevented = all.iter().filter(|probed| probed.prevented).peekable();
        match prevented.peek().map(|probed| &probed.outcome) {
            Some(ProbeOutcome::NotRun { reason }) if self.probing.required => {
                let reason = escaped(reason.as_bytes());
                let n = prevented.count();
                Err(Failure::Unable(format!("level 3 is required, and {n} probes were not made: {reason}")))
            }
            _ => Ok(all),
        }
    }

    /// Where nobody could be asked, each library has the same reason, and it is said once.
    fn complain_once<'a>(&self, answers: impl Iterator<Item = &'a (ProbeOutcome, Details)>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        for (outcome, _) in answers.filter(|(_, details)| details.unasked) {
            if let ProbeOutcome::NotRun { reason } = outcome
                && !said.contains(reason)
            {
                complain(&format!("level 3 is left out: {}", escaped(reason.as_bytes())));
                said.push(reason.clone());
            }
        }
    }

    /// What a report says of all of it.
    pub fn header(&self) -> Header {
        let facts = |helper: &Helper| HelperFacts {
            source: helper.source,
            sha256: helper.sha256.clone(),
            fidelity: helper.fidelity,
            pinned: helper.source != Source::Override,
        };
        Header {
            helper: self.helper.as_ref().ok().map(facts),
            skipped: self.helper.as_ref().err().cloned(),
            probe: self.probing.escalation,
            sandbox: self.probing.sandbox,
            timeout: self.probing.deadline.as_secs_f64(),
            probe_loader: self.probing.loader.as_ref().map(|path| path.to_string_lossy().into_owned()),
        }
    }

    /// How a library is asked for, or that it is not.
    fn question(&self, s: &Session<'_, '_>, candidate: &Candidate<'_>) -> Result<Question, NotAsked> {
        let library = candidate.library;
        let Some(init) = &library.init else {
            let reason = "it is started as a program, or needs another system to be loaded".to_owned();
            return Err(NotAsked { reason, prevented: false });
        };
        let decision = decide(self.probing.escalation, &library.judgement.verdict, init, candidate.inside);
        if let Some(reason) = decision.reason() {
            return Err(NotAsked { reason: reason.to_owned(), prevented: false });
        }
        let prevented = |reason: &str| Err(NotAsked { reason: reason.to_owned(), prevented: true });
        let j = self.judging;
        if j.host.is_some() {
            return prevented("a probe has no host program: --preloaded can stand for what one loads");
        }
        if !j.profiles.is_empty() {
            return prevented("a profile holds nothing that could be run");
        }
        let path = absolute(&j.cwd, &library.path);
        if j.root.is_some() {
            if self.probing.loader.is_none() {
                return prevented("a library of another root is loaded with --probe-loader only");
            }
            return match s.host.on_this_machine(&path) {
                Ok(real) => Ok(Question {
                    path: real.into_os_string().into_vec(),
                    loader: self.probing.loader.clone(),
                    comparable: false,
                }),
                Err(errno) => prevented(errno.text()),
            };
        }
        if self.probing.loader.is_some() {
            return Ok(Question { path, loader: self.probing.loader.clone(), comparable: false });
        }
        // A file made for another libc was judged by that one's loader, and is loaded by it.
        let other = s.loaders.other_interpreter(&library.loader).map(path_of);
        // What was predicted is this machine's loader on this machine's processor.
        Ok(Question { path, loader: other, comparable: j.loader.is_none() && j.cpu.is_none() })
    }

    fn judged(&self, library: &Library, answer: (ProbeOutcome, Details), comparable: bool) -> Probed {
        let verdict = &library.judgement.verdict;
        // What nothing is known of may run anything.
        let runs_code = library.init.is_none_or(|init| init.runs_code());
        let agreement =
            if comparable { answer.0.agreement(verdict, runs_code) } else { Agreement::NotComparable };
        let findings = findings(verdict, &answer, agreement, self.probing.deadline);
        // Whoever hurt the helper is the reason why nothing is known.
        let prevented = matches!(answer.0, ProbeOutcome::NotRun { .. }) && !answer.1.attacked_helper;
        let (outcome, details) = answer;
        Probed { outcome, details, agreement, findings, prevented }
    }

    fn options<'h>(&'h self, helper: &'h Helper, loader: Option<&Path>) -> ProbeOptions<'h> {
        let own = |name: &[u8]| self.judging.env.iter().any(|(other, _)| other == name);
        let ours = self.probing.env.iter().filter(|(name, _)| !own(name));
        ProbeOptions {
            workers: self.probing.workers,
            deadline: self.probing.deadline,
            env: environment(ours.chain(&self.judging.env).cloned()),
            preloaded: self.judging.preloaded.iter().map(|lib| preloaded(&self.judging.cwd, lib)).collect(),
            sandbox: self.probing.sandbox,
            loader: loader.map(|loader| (loader.to_owned(), own_library(loader))),
            lazy: self.lazy,
            limits: Limits { address_space: self.probing.address_space, ..Limits::default() },
            household: self.household.as_deref(),
            ..ProbeOptions::new(helper, path_of(&self.judging.cwd))
        }
    }
}

/// How one library is asked for.
struct Question {
    path: Vec<u8>,
    /// The loader, if it is not the helper's own.
    loader: Option<PathBuf>,
    /// What was predicted is what will be done.
    comparable: bool,
}

/// That it is not, and why.
struct NotAsked {
    reason: String,
    /// Something outside the library is the reason.
    prevented: bool,
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A preloaded library as it is opened: a bare name is searched for.
fn preloaded(cwd: &[u8], library: &[u8]) -> Vec<u8> {
    if library.contains(&b'/') { absolute(cwd, library) } else { library.to_vec() }
}

/// What a loader of another glibc needs to be told, so that it takes its own libc and not this machine's.
fn own_library(loader: &Path) -> Vec<OsString> {
    let beside = loader
        .parent()
        .filter(|dir| rustix::fs::access(dir.join("libc.so.6"), rustix::fs::Access::READ_OK).is_ok());
    match beside {
        Some(dir) => vec!["--library-path".into(), dir.into()],
        None => Vec::new(),
    }
}

impl Probed {
    fn not_run(reason: String, prevented: bool) -> Probed {
        Probed {
            outcome: ProbeOutcome::NotRun { reason },
            details: Details::default(),
            agreement: Agreement::NotComparable,
            findings: Vec::new(),
            prevented,
        }
    }

    /// Loading it was tried and did not work, whatever was predicted.
    pub fn is_broken(&self) -> bool {
        self.details.attacked_helper
            || !matches!(self.outcome, ProbeOutcome::Loaded | ProbeOutcome::NotRun { .. })
    }
}

/// The directories that are audited: what lies outside of them is not loaded unless it was named.
pub struct Below<'h, 's> {
    host: &'h dyn Host<'s>,
    cwd: Vec<u8>,
    directories: Vec<Vec<u8>>,
}

impl<'h, 's> Below<'h, 's> {
    /// Every link in the directories is followed.
    pub fn new(host: &'h dyn Host<'s>, cwd: &[u8], directories: &[Vec<u8>]) -> Below<'h, 's> {
        let canonical = directories.iter().filter_map(|dir| resolved(host, &absolute(cwd, dir)));
        Below { host, cwd: cwd.to_vec(), directories: canonical.collect() }
    }

    /// Whether a path lies in one of them when every link in it is followed.
    pub fn contains(&self, path: &[u8]) -> bool {
        let Some(path) = resolved(self.host, &absolute(&self.cwd, path)) else { return false };
        let within = |dir: &Vec<u8>| match path.strip_prefix(dir.as_slice()) {
            Some(rest) => rest.is_empty() || rest.starts_with(b"/") || dir == b"/",
            None => false,
        };
        self.directories.iter().any(within)
    }
}
