//! How a probe ended, and whether that is what was predicted.
//! It must never change a verdict: a contradiction is shown beside it, as a fault of our own.
//! Follows POSIX wait status; the loader's own deaths are those of glibc elf/dl-load.c and elf/dl-reloc.c.

use std::time::Duration;

use super::protocol::{Reply, wire};
use crate::analyzer::verdict::Verdict;

/// Every way a probe can end; a request has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// `dlopen` gave a handle.
    Loaded,
    /// `dlopen` refused, or `dlclose` did where it was asked for.
    Refused {
        /// The loader's sentence.
        message: Vec<u8>,
    },
    /// A signal ended the process.
    Crashed {
        /// Its number.
        signal: i32,
    },
    /// The process ended itself, whatever status it gave.
    Exited {
        /// Exit status.
        status: i32,
    },
    /// It was not done at its deadline.
    TimedOut,
    /// Nothing was loaded.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// Where the process was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before anything was loaded.
    #[default]
    Starting,
    /// Opening the libraries that come first.
    Before,
    /// In `dlopen`.
    Opening,
    /// In `dlclose`.
    Closing,
}

/// What surrounds an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Where the process was when it ended, or how far it came.
    pub phase: Phase,
    /// Duration of `dlopen`.
    pub open: Duration,
    /// The beginning of what the library wrote to its standard streams.
    pub output: Vec<u8>,
    /// Protections that were in force.
    pub in_force: Vec<&'static str>,
    /// The library also ended, stopped or silenced the helper that watched it.
    pub attacked_helper: bool,
    /// Nobody was asked: no helper starts, or not under the conditions that were wanted. So it is for each library.
    pub unasked: bool,
}

/// Prediction and loader side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// The loader did what was predicted.
    Same,
    /// Predicted to fail, but it loads.
    TooStrict,
    /// Predicted to load, but the loader refuses it.
    TooLax,
    /// It fails as predicted, but in another manner or with other words.
    OtherManner,
    /// Nothing was predicted, nothing was run, or the library's own code decided.
    NotComparable,
}

impl Agreement {
    /// True if it shows a fault of the prediction.
    pub fn is_our_bug(self) -> bool {
        matches!(self, Agreement::TooStrict | Agreement::TooLax | Agreement::OtherManner)
    }
}

impl ProbeOutcome {
    /// The word in reports.
    pub fn name(&self) -> &'static str {
        match self {
            ProbeOutcome::Loaded => "loaded",
            ProbeOutcome::Refused { .. } => "refused",
            ProbeOutcome::Crashed { .. } => "crashed",
            ProbeOutcome::Exited { .. } => "exited",
            ProbeOutcome::TimedOut => "timed-out",
            ProbeOutcome::NotRun { .. } => "not-run",
        }
    }

    /// Compares with the prediction. `runs_code`: the library, or one it needs, has code that runs while it is loaded.
    pub fn agreement(&self, verdict: &Verdict, runs_code: bool) -> Agreement {
        use crate::analyzer::model::Death;
        match (verdict, self) {
            (Verdict::Undecided, _) | (_, ProbeOutcome::NotRun { .. }) => Agreement::NotComparable,
            (Verdict::Loads, ProbeOutcome::Loaded) => Agreement::Same,
            (Verdict::Loads, ProbeOutcome::Refused { .. }) => Agreement::TooLax,
            (Verdict::Loads, _) if runs_code => Agreement::NotComparable,
            (Verdict::Loads, _) => Agreement::TooLax,
            (Verdict::Fails { .. }, ProbeOutcome::Loaded) => Agreement::TooStrict,
            (Verdict::Fails { message, dies }, outcome) => {
                let same = match (dies, outcome) {
                    (None, ProbeOutcome::Refused { message: real }) => message.as_ref() == Some(real),
                    (Some(Death::Abort), ProbeOutcome::Exited { status }) => *status == 127,
                    (Some(Death::Signal(signal)), ProbeOutcome::Crashed { signal: real }) => {
                        signal_name(*real) == Some(signal.name())
                    }
                    (Some(Death::Hang), ProbeOutcome::TimedOut) => true,
                    _ => false,
                };
                if same { Agreement::Same } else { Agreement::OtherManner }
            }
        }
    }

    pub(super) fn of(reply: Reply) -> (ProbeOutcome, Details) {
        let code = i32::try_from(reply.code).unwrap_or(i32::MAX);
        let phase = match reply.phase {
            wire::BEFORE => Phase::Before,
            wire::OPENING => Phase::Opening,
            wire::CLOSING => Phase::Closing,
            wire::STARTING => Phase::Starting,
            // Whatever a library wrote there: it was being loaded.
            _ => Phase::Opening,
        };
        let outcome = match reply.kind {
            wire::LOADED => ProbeOutcome::Loaded,
            wire::REFUSED => ProbeOutcome::Refused { message: reply.message },
            wire::CRASHED | wire::EXITED | wire::TIMED_OUT if phase == Phase::Before => {
                ProbeOutcome::NotRun { reason: "a library that is loaded first ended the process".to_owned() }
            }
            wire::CRASHED | wire::EXITED if phase == Phase::Starting => {
                ProbeOutcome::NotRun { reason: "its process ended before anything was opened".to_owned() }
            }
            wire::CRASHED if code == libc::SIGXCPU => ProbeOutcome::TimedOut,
            wire::CRASHED => ProbeOutcome::Crashed { signal: code },
            wire::EXITED => ProbeOutcome::Exited { status: code },
            wire::TIMED_OUT => ProbeOutcome::TimedOut,
            wire::HURT => ProbeOutcome::NotRun {
                reason: "no memory, descriptors or processes to be had for a probe".to_owned(),
            },
            _ => ProbeOutcome::NotRun { reason: String::from_utf8_lossy(&reply.message).into_owned() },
        };
        const NAMES: [(u32, &str); 5] = [
            (wire::NO_NEW_PRIVS, "no-new-privs"),
            (wire::LANDLOCK, "landlock"),
            (wire::SECCOMP, "seccomp"),
            (wire::LIMITS, "rlimits"),
            (wire::SUBREAPER, "subreaper"),
        ];
        let in_force =
            NAMES.iter().filter(|(bit, _)| reply.in_force & bit != 0).map(|(_, name)| *name).collect();
        let open = Duration::from_micros(u64::from(reply.open_us));
        (outcome, Details { phase, open, output: reply.output, in_force, ..Details::default() })
    }
}

/// `SIGSEGV` and its like.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    const NAMES: &[(i32, &str)] = &[
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGXCPU, "SIGXCPU"),
        (libc::SIGXFSZ, "SIGXFSZ"),
        (libc::SIGSYS, "SIGSYS"),
    ];
    NAMES.iter().find(|(number, _)| *number == signal).map(|(_, name)| *name)
}
