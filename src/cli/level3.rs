//! Level 3 on the command line: which libraries are probed, under what, and what a report says of it.
//! It must never change a verdict, nor let a missing helper pass silently.
//! `run` is the entry point for `verify` and `audit`; both give it what Levels 1 and 2 found, in their order.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::analyzer::verdict::{InitSummary, Verdict};
use crate::loader::escalate::{Decision, Escalation, decide};
use crate::loader::helper::{Fidelity, HelperError, HelperRequest, Source, resolve};
use crate::loader::options::environment;
use crate::loader::outcome::signal_name;
use crate::loader::sandbox::Sandbox;
use crate::loader::{Agreement, Details, ProbeOptions, ProbeOutcome, probe};

/// The options of Level 3.
#[derive(Debug, Args)]
pub struct Level3Args {
    /// Which libraries are really loaded: those where it can add something, all, or none.
    #[arg(long, value_enum, default_value_t = Probe::Auto)]
    pub probe: Probe,
    /// What the probed process may not do: what the kernel offers, nothing is forbidden, or all or no probe.
    #[arg(long, value_enum, default_value_t = SandboxMode::Auto)]
    pub sandbox: SandboxMode,
    /// Seconds one library may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub timeout: f64,
    /// Probes side by side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub probe_workers: u16,
    /// Probe under this dynamic loader instead of the machine's.
    #[arg(long, value_name = "PATH")]
    pub probe_loader: Option<OsString>,
    /// Use this helper, and no other.
    #[arg(long, value_name = "FILE")]
    pub helper: Option<OsString>,
    /// It is an error if Level 3 cannot be done.
    #[arg(long)]
    pub require_level3: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=3600.0).contains(&value) { Ok(value) } else { Err("between 0.01 and 3600".to_owned()) }
}

/// `--probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// Where loading can add something.
    Auto,
    /// All, also those predicted to fail.
    Always,
    /// None.
    Never,
}

/// `--sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// What the kernel offers.
    Auto,
    /// Nothing.
    Off,
    /// All of it or no probe.
    Strict,
}

/// What the request knows of the process to probe in: the loader model's, and where helpers may be.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment: the allowed variables of ours, then those of the loader model.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Libraries opened first.
    pub preloaded: Vec<Vec<u8>>,
    /// `TSUKU_DLTEST_PATH`.
    pub helper_from_env: Option<PathBuf>,
    /// `$TSUKU_HOME`.
    pub home: Option<PathBuf>,
    /// This program, where it can turn into the portable helper.
    pub own_program: Option<PathBuf>,
}

/// One library as Levels 1 and 2 left it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its canonical path.
    pub path: &'a [u8],
    /// The prediction.
    pub verdict: &'a Verdict,
    /// Code that runs while it is loaded.
    pub init: InitSummary,
    /// It was named, or lies below the audited directory.
    pub inside: bool,
}

/// What Level 3 has to say of one library.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Whether it was probed, and why not.
    pub decision: Decision,
    /// How the probe ended.
    pub outcome: Option<(ProbeOutcome, Details)>,
    /// Whether that is what was predicted.
    pub agreement: Agreement,
}

/// All of Level 3.
#[derive(Clone, Debug, Default)]
pub struct Level3 {
    /// In the order of the candidates; empty if nothing could be probed.
    pub libraries: Vec<Probed>,
    /// Source, SHA-256 and fidelity of the helper.
    pub helper: Option<(Source, String, Fidelity)>,
    /// Why nothing was probed: one warning.
    pub skipped: Option<String>,
}

/// Probes what is worth it.
///
/// # Errors
/// A helper was chosen that cannot be used, one was refused, or there is none and one is required.
pub fn run(args: &Level3Args, place: &Place, candidates: &[Candidate<'_>]) -> Result<Level3, HelperError> {
    let escalation = match args.probe {
        Probe::Auto => Escalation::Auto,
        Probe::Always => Escalation::Always,
        Probe::Never => Escalation::Never,
    };
    let request = HelperRequest {
        chosen: args.helper.as_ref().map(PathBuf::from).or_else(|| place.helper_from_env.clone()),
        home: place.home.clone(),
        own_program: place.own_program.clone(),
    };
    let helper = match resolve(&request) {
        Ok(helper) => helper,
        Err(error) if error.is_error() || args.require_level3 => return Err(error),
        Err(error) => return Ok(Level3 { skipped: Some(error.to_string()), ..Level3::default() }),
    };
    let decisions: Vec<Decision> =
        candidates.iter().map(|c| decide(escalation, c.verdict, &c.init, c.inside)).collect();
    let chosen = candidates.iter().zip(&decisions).filter(|(_, d)| **d == Decision::Probe);
    let paths: Vec<Vec<u8>> = chosen.map(|(c, _)| c.path.to_vec()).collect();
    let options = ProbeOptions {
        workers: usize::from(args.probe_workers),
        deadline: Duration::from_secs_f64(args.timeout),
        env: environment(place.env.iter().cloned()),
        preloaded: place.preloaded.clone(),
        sandbox: match args.sandbox {
            SandboxMode::Auto => Sandbox::Auto,
            SandboxMode::Off => Sandbox::Off,
            SandboxMode::Strict => Sandbox::Strict,
        },
        loader: args.probe_loader.as_ref().map(|path| (PathBuf::from(path), Vec::new())),
        ..ProbeOptions::new(&helper, place.cwd.clone())
    };
    let mut answers = probe(&paths, &options).into_iter();
    let other_loader = args.probe_loader.is_some();
    let libraries = candidates.iter().zip(decisions).map(|(candidate, decision)| {
        let outcome = if decision == Decision::Probe { answers.next() } else { None };
        let agreement = match &outcome {
            // Another loader was not predicted.
            Some((outcome, _)) if !other_loader => {
                outcome.agreement(candidate.verdict, candidate.init.runs_code())
            }
            _ => Agreement::NotComparable,
        };
        Probed { decision, outcome, agreement }
    });
    let libraries = libraries.collect();
    Ok(Level3 {
        libraries,
        helper: Some((helper.source, helper.sha256.clone(), helper.fidelity)),
        skipped: None,
    })
}

/// Writes the value of the field `probe`; `bytes` writes a JSON string that keeps every byte.
///
/// # Errors
/// The writer's.
pub fn write_probe(
    out: &mut dyn Write,
    probed: &Probed,
    bytes: &dyn Fn(&mut dyn Write, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let not_run = (ProbeOutcome::NotRun { reason: reason(probed.decision).to_owned() }, Details::default());
    let (outcome, details) = probed.outcome.as_ref().unwrap_or(&not_run);
    write!(out, "{{\"outcome\":\"{}\",\"message\":", outcome.name())?;
    match outcome {
        ProbeOutcome::Refused { message } => bytes(out, message)?,
        ProbeOutcome::NotRun { reason } => bytes(out, reason.as_bytes())?,
        _ => out.write_all(b"null")?,
    }
    match outcome {
        ProbeOutcome::Crashed { signal } => match signal_name(*signal) {
            Some(name) => write!(out, ",\"signal\":\"{name}\"")?,
            None => write!(out, ",\"signal\":\"{signal}\"")?,
        },
        _ => out.write_all(b",\"signal\":null")?,
    }
    match outcome {
        ProbeOutcome::Exited { status } => write!(out, ",\"status\":{status}")?,
        _ => out.write_all(b",\"status\":null")?,
    }
    let in_force = serde_json::to_string(&details.in_force).map_err(io::Error::from)?;
    let agreement = serde_json::to_string(&probed.agreement).map_err(io::Error::from)?;
    write!(out, ",\"agreement\":{agreement},\"prediction_wrong\":{}", probed.agreement.is_our_bug())?;
    write!(out, ",\"in_force\":{in_force},\"attacked_helper\":{}}}", details.attacked_helper)
}

/// Why a library was not probed, in words.
fn reason(decision: Decision) -> &'static str {
    match decision {
        Decision::Probe => "the helper gave no answer",
        Decision::NotWanted => "no probe was wanted",
        Decision::PredictedToFail => "it is predicted to fail",
        Decision::NothingToRun => "no code of it runs while it is loaded",
        Decision::Outside => "it lies outside the audited directory",
    }
}
