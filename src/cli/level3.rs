//! Level 3 for commands: a `Prober` is made before the work starts, and asked about libraries when they are judged.
//! It must never change a verdict, nor let a missing helper pass silently: one warning, or an error where it is required.
//!
//! `let prober = Prober::new(&run, &judging, &home_args)?` is `None` below level 3; then `prober.probe(host, &candidates)`
//! gives one `Probed` a candidate, in their order, and `Row::new(&library, probed)` is what reports print.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::args::HomeArgs;
use super::complain;
use super::exit::Failure;
use super::report::escape::escaped;
use super::request::{Judging, Probing, Run, absolute, home_place};
use crate::analyzer::audit::Library;
use crate::analyzer::checks::Mode;
use crate::analyzer::host::real::RealHost;
use crate::home::layout::resolved;
use crate::loader::escalate::{Escalation, decide};
use crate::loader::finding::{ProbeFinding, findings};
use crate::loader::helper::{Fidelity, Helper, HelperRequest, Source, resolve};
use crate::loader::options::environment;
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
}

impl<'r> Prober<'r> {
    /// Finds the helper; none below level 3.
    ///
    /// # Errors
    /// A helper was chosen that cannot be used, one was refused, or there is none and one is required.
    pub fn new(run: &'r Run, judging: &'r Judging, home: &HomeArgs) -> Result<Option<Prober<'r>>, Failure> {
        let Some(probing) = run.probing.as_ref().filter(|_| !home.skip_dlopen) else { return Ok(None) };
        let lazy = run.mode == Mode::Lazy;
        if probing.escalation == Escalation::Never {
            let helper = Err("no probe was wanted".to_owned());
            return Ok(Some(Prober { probing, judging, lazy, helper }));
        }
        let request = HelperRequest {
            home: home_place(home).map(|place| PathBuf::from(OsString::from_vec(place.path))),
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
        Ok(Some(Prober { probing, judging, lazy, helper }))
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
    pub fn probe(&self, host: &RealHost<'_>, candidates: &[Candidate<'_>]) -> Result<Vec<Probed>, Failure> {
        let helper = match &self.helper {
            Ok(helper) => helper,
            Err(why) => {
                return Ok(candidates.iter().map(|_| Probed::not_run(why.clone(), false)).collect());
            }
        };
        // In the order of the candidates: the path to ask for, or why none is asked for.
        let asked: Vec<Result<Vec<u8>, (String, bool)>> =
            candidates.iter().map(|candidate| self.question(host, candidate)).collect();
        let paths: Vec<Vec<u8>> = asked.iter().filter_map(|asked| asked.clone().ok()).collect();
        let mut answers =
            if paths.is_empty() { Vec::new() } else { probe(&paths, &self.options(helper)) }.into_iter();
        let comparable = self.is_modelled();
        let all: Vec<Probed> = candidates
            .iter()
            .zip(asked)
            .map(|(candidate, asked)| match asked {
                Err((why, prevented)) => Probed::not_run(why, prevented),
                Ok(_) => match answers.next() {
                    Some(answer) => self.judged(candidate.library, answer, comparable),
                    None => Probed::not_run("the helper gave no answer".to_owned(), true),
                },
            })
            .collect();
        let prevented = all.iter().filter(|probed| probed.prevented).count();
        if let (true, Some(Probed { outcome: ProbeOutcome::NotRun { reason }, .. })) =
            (self.probing.required, all.iter().find(|probed| probed.prevented))
        {
            let reason = escaped(reason.as_bytes());
            return Err(Failure::Unable(format!(
                "level 3 is required, and {prevented} probes were not made: {reason}"
            )));
        }
        Ok(all)
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

    /// The path a library is asked for by, or why it is not, and whether that is somebody's fault.
    fn question(&self, host: &RealHost<'_>, candidate: &Candidate<'_>) -> Result<Vec<u8>, (String, bool)> {
        let library = candidate.library;
        let Some(init) = &library.init else {
            return Err(("a program is started, not loaded".to_owned(), false));
        };
        let decision = decide(self.probing.escalation, &library.judgement.verdict, init, candidate.inside);
        if let Some(reason) = decision.reason() {
            return Err((reason.to_owned(), false));
        }
        if self.judging.host.is_some() {
            return Err((
                "a probe has no host program: --preloaded can stand for what it loads".to_owned(),
                true,
            ));
        }
        let path = absolute(&self.judging.cwd, &library.path);
        if self.judging.root.is_none() {
            return Ok(path);
        }
        if self.probing.loader.is_none() {
            return Err(("a library of another root is probed with --probe-loader only".to_owned(), true));
        }
        match host.on_this_machine(&path) {
            Ok(real) => Ok(real.into_os_string().into_vec()),
            Err(errno) => Err((errno.text().to_owned(), true)),
        }
    }

    /// What was predicted is what the probe does: the machine's own loader, in a bare process, on its own files.
    fn is_modelled(&self) -> bool {
        let j = self.judging;
        self.probing.loader.is_none()
            && j.loader.is_none()
            && j.cpu.is_none()
            && j.root.is_none()
            && j.host.is_none()
    }

    fn judged(&self, library: &Library, answer: (ProbeOutcome, Details), comparable: bool) -> Probed {
        let verdict = &library.judgement.verdict;
        // What nothing is known of may run anything.
        let runs_code = library.init.is_none_or(|init| init.runs_code());
        let agreement =
            if comparable { answer.0.agreement(verdict, runs_code) } else { Agreement::NotComparable };
        let findings = findings(verdict, &answer, agreement, self.probing.deadline);
        let prevented = matches!(answer.0, ProbeOutcome::NotRun { .. });
        let (outcome, details) = answer;
        Probed { outcome, details, agreement, findings, prevented }
    }

    fn options<'h>(&self, helper: &'h Helper) -> ProbeOptions<'h> {
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let own = |name: &[u8]| self.judging.env.iter().any(|(other, _)| other == name);
        let ours = self.probing.env.iter().filter(|(name, _)| !own(name));
        ProbeOptions {
            workers: self.probing.workers,
            deadline: self.probing.deadline,
            env: environment(ours.chain(&self.judging.env).cloned()),
            preloaded: self.judging.preloaded.iter().map(|lib| preloaded(&self.judging.cwd, lib)).collect(),
            sandbox: self.probing.sandbox,
            loader: self.probing.loader.as_deref().map(|loader| (loader.to_owned(), own_library(loader))),
            lazy: self.lazy,
            ..ProbeOptions::new(helper, path(&self.judging.cwd))
        }
    }
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
        !matches!(self.outcome, ProbeOutcome::Loaded | ProbeOutcome::NotRun { .. })
    }
}

/// The directories that are audited: what lies outside of them is not loaded unless it was named.
pub struct Below<'h, 's> {
    host: &'h RealHost<'s>,
    cwd: Vec<u8>,
    directories: Vec<Vec<u8>>,
}

impl<'h, 's> Below<'h, 's> {
    /// Every link in the directories is followed.
    pub fn new(host: &'h RealHost<'s>, cwd: &[u8], directories: &[Vec<u8>]) -> Below<'h, 's> {
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
