//! What a probe adds to what files told: one variant a code, typed evidence, and the words for it.
//! It must never say that a library loads or fails in the place of the verdict; it stands beside it.
//! The table continues that of `analyzer/catalogue`; the words are those of dlopen(3) and wait(2).

use std::time::Duration;

use serde_json::{Value, json};

use super::outcome::{Agreement, Details, Phase, ProbeOutcome, signal_name};
use crate::analyzer::finding::{Entry, Severity, bytes_json};
use crate::analyzer::model::Death;
use crate::analyzer::verdict::Verdict;

/// One thing a probe showed of one library.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeFinding {
    /// The loader did something else than was predicted: a fault of this program.
    PredictionWrong {
        /// The prediction.
        predicted: Verdict,
        /// What happened.
        outcome: ProbeOutcome,
        /// In which direction they differ.
        agreement: Agreement,
    },
    /// Nothing could be predicted, and the loader refuses it.
    RefusedByTheLoader {
        /// The loader's sentence.
        message: Vec<u8>,
    },
    /// A signal ends the process while the library is loaded.
    CrashesWhileLoading {
        /// The signal's number.
        signal: i32,
        /// In `dlopen` or in `dlclose`.
        phase: Phase,
    },
    /// Code of the library ends the process.
    ExitsWhileLoading {
        /// Exit status.
        status: i32,
    },
    /// Loading does not end.
    HangsWhileLoading {
        /// As long as was waited.
        deadline: Duration,
    },
    /// The library killed, stopped or silenced the process that watched it.
    AttacksTheProbe,
}

/// All that is to be said of one probe, what breaks the library first.
pub fn findings(
    verdict: &Verdict,
    (outcome, details): &(ProbeOutcome, Details),
    agreement: Agreement,
    deadline: Duration,
) -> Vec<ProbeFinding> {
    let mut all = Vec::new();
    if !matches!(verdict, Verdict::Fails { .. }) {
        all.extend(match outcome {
            // Where it was predicted to load, the contradiction says it all.
            ProbeOutcome::Refused { message } if *verdict == Verdict::Undecided => {
                Some(ProbeFinding::RefusedByTheLoader { message: message.clone() })
            }
            ProbeOutcome::Crashed { signal } => {
                Some(ProbeFinding::CrashesWhileLoading { signal: *signal, phase: details.phase })
            }
            ProbeOutcome::Exited { status } => Some(ProbeFinding::ExitsWhileLoading { status: *status }),
            ProbeOutcome::TimedOut => Some(ProbeFinding::HangsWhileLoading { deadline }),
            ProbeOutcome::Refused { .. } | ProbeOutcome::Loaded | ProbeOutcome::NotRun { .. } => None,
        });
    }
    if agreement.is_our_bug() {
        let (predicted, outcome) = (verdict.clone(), outcome.clone());
        all.push(ProbeFinding::PredictionWrong { predicted, outcome, agreement });
    }
    if details.attacked_helper {
        all.push(ProbeFinding::AttacksTheProbe);
    }
    all
}

impl ProbeFinding {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            ProbeFinding::PredictionWrong { .. } => "prediction-wrong",
            ProbeFinding::RefusedByTheLoader { .. } => "refused-by-the-loader",
            ProbeFinding::CrashesWhileLoading { .. } => "crashes-while-loading",
            ProbeFinding::ExitsWhileLoading { .. } => "exits-while-loading",
            ProbeFinding::HangsWhileLoading { .. } => "hangs-while-loading",
            ProbeFinding::AttacksTheProbe => "attacks-the-probe",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            ProbeFinding::AttacksTheProbe => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// The sentence. Not escaped: the renderer does that.
    pub fn text(&self) -> String {
        match self {
            ProbeFinding::PredictionWrong { predicted, outcome, .. } => {
                format!("predicted: {}; the loader: {}", prediction(predicted), happened(outcome))
            }
            ProbeFinding::RefusedByTheLoader { message } => {
                format!("the loader refuses it: {}", String::from_utf8_lossy(message))
            }
            ProbeFinding::CrashesWhileLoading { signal, phase } => {
                format!("the process dies of {} {}", named(*signal), during(*phase))
            }
            ProbeFinding::ExitsWhileLoading { status } => {
                format!("code of the library ends the process, with status {status}, while it is loaded")
            }
            ProbeFinding::HangsWhileLoading { deadline } => {
                format!("loading did not end within {} s", deadline.as_secs_f64())
            }
            ProbeFinding::AttacksTheProbe => {
                "the library killed, stopped or silenced the process that watched it".to_owned()
            }
        }
    }

    /// The evidence, typed.
    pub fn evidence(&self) -> Value {
        match self {
            ProbeFinding::PredictionWrong { predicted, outcome, agreement } => json!({
                "agreement": agreement, "predicted": predicted_json(predicted), "outcome": outcome_json(outcome),
            }),
            ProbeFinding::RefusedByTheLoader { message } => json!({"message": bytes_json(message)}),
            ProbeFinding::CrashesWhileLoading { signal, phase } => {
                json!({"signal": named(*signal), "phase": phase})
            }
            ProbeFinding::ExitsWhileLoading { status } => json!({"status": status}),
            ProbeFinding::HangsWhileLoading { deadline } => json!({"seconds": deadline.as_secs_f64()}),
            ProbeFinding::AttacksTheProbe => json!({}),
        }
    }

    /// What mends it.
    pub fn hint(&self) -> &'static str {
        explain(self.code()).map_or("", |e| e.mend)
    }
}

/// `SIGSEGV`, or the number of a signal without a name.
fn named(signal: i32) -> String {
    signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

fn during(phase: Phase) -> &'static str {
    match phase {
        Phase::Closing => "while it is unloaded",
        Phase::Starting | Phase::Before | Phase::Opening => "while it is loaded",
    }
}

fn prediction(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Loads => "it loads".to_owned(),
        Verdict::Undecided => "nothing".to_owned(),
        Verdict::Fails { message: Some(message), .. } => {
            format!("refused ({})", String::from_utf8_lossy(message))
        }
        Verdict::Fails { dies: Some(Death::Signal(signal)), .. } => format!("it dies of {}", signal.name()),
        Verdict::Fails { dies: Some(Death::Hang), .. } => "it never returns".to_owned(),
        Verdict::Fails { .. } => "an assertion ends it with status 127".to_owned(),
    }
}

fn happened(outcome: &ProbeOutcome) -> String {
    match outcome {
        ProbeOutcome::Loaded => "it loads".to_owned(),
        ProbeOutcome::Refused { message } => format!("refused ({})", String::from_utf8_lossy(message)),
        ProbeOutcome::Crashed { signal } => format!("it dies of {}", named(*signal)),
        ProbeOutcome::Exited { status } => format!("it ends with status {status}"),
        ProbeOutcome::TimedOut => "it does not return in time".to_owned(),
        ProbeOutcome::NotRun { reason } => format!("not asked ({reason})"),
    }
}

fn predicted_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Loads => json!({"verdict": "loads"}),
        Verdict::Undecided => json!({"verdict": "undecided"}),
        Verdict::Fails { message: Some(message), .. } => {
            json!({"verdict": "fails", "message": bytes_json(message)})
        }
        Verdict::Fails { dies, .. } => json!({"verdict": "fails", "dies": match dies {
            Some(Death::Signal(signal)) => signal.name(),
            Some(Death::Hang) => "hang",
            Some(Death::Abort) | None => "abort",
        }}),
    }
}

fn outcome_json(outcome: &ProbeOutcome) -> Value {
    match outcome {
        ProbeOutcome::Refused { message } => {
            json!({"outcome": outcome.name(), "message": bytes_json(message)})
        }
        ProbeOutcome::Crashed { signal } => json!({"outcome": outcome.name(), "signal": named(*signal)}),
        ProbeOutcome::Exited { status } => json!({"outcome": outcome.name(), "status": status}),
        _ => json!({"outcome": outcome.name()}),
    }
}

/// The entry of a code.
pub fn explain(code: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|e| e.code == code)
}

/// All codes.
pub fn codes() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|e| e.code)
}

const ENTRIES: &[Entry] = &[
    Entry {
        code: "prediction-wrong",
        title: "the loader did something else than was predicted",
        explanation: "The library was really loaded, in a process of its own under the loader that was modelled, and the loader did not do what reading the files had said. The verdict is left as it was, so that the fault can be seen.",
        mend: "This is a fault of tsuku-verify, not of the library: please report it with the library and the output of `tsuku-verify loader`. Believe the loader.",
    },
    Entry {
        code: "refused-by-the-loader",
        title: "no prediction was possible, and the loader refuses it",
        explanation: "Something that only shows at run time decides whether this library loads. It was asked for in a process of its own, and the loader refused it with the sentence shown.",
        mend: "Read the loader's sentence; `tsuku-verify tree` shows where each needed library comes from.",
    },
    Entry {
        code: "crashes-while-loading",
        title: "the process dies of a signal while the library is loaded",
        explanation: "The loader accepts the library, and then code that runs during loading (constructors, initialisers of C++ objects, IFUNC resolvers; its own or those of a library it needs) ends the process. Whoever loads this library dies with it.",
        mend: "Load it in a debugger and look at the top frames. Often a constructor expects its host program, a device, a variable of the environment, or another version of a library it needs.",
    },
    Entry {
        code: "exits-while-loading",
        title: "code of the library ends the process while it is loaded",
        explanation: "A constructor, or the constructor of a library it needs, calls exit. The caller of dlopen never comes back, whatever the status says.",
        mend: "Look for calls of exit in constructors; libraries for preloading (sanitizers, profilers) do this when they are not loaded first.",
    },
    Entry {
        code: "hangs-while-loading",
        title: "loading did not end in time",
        explanation: "The process was still inside dlopen when its time was over, and was killed with everything it had started. A constructor waits for something, or works for longer than it was given.",
        mend: "Give it more time with --timeout if the library is known to be slow; otherwise find what its constructors wait for.",
    },
    Entry {
        code: "attacks-the-probe",
        title: "the library ended or stopped the process that watched it",
        explanation: "While it was loaded, the library sent signals to, or otherwise silenced, its parent process. It was tried again under a fresh watcher with the same result. No other library's result is touched by this.",
        mend: "Do not load this library where it can reach other processes; `--sandbox strict` forbids it to.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn told(verdict: &Verdict, outcome: ProbeOutcome, runs_code: bool) -> Vec<ProbeFinding> {
        let agreement = outcome.agreement(verdict, runs_code);
        findings(verdict, &(outcome, Details::default()), agreement, Duration::from_millis(2500))
    }

    fn samples() -> Vec<ProbeFinding> {
        let refused = || ProbeOutcome::Refused { message: b"m".to_vec() };
        let mut all = told(&Verdict::Loads, refused(), true);
        all.extend(told(&Verdict::Undecided, refused(), true));
        all.extend(told(&Verdict::Loads, ProbeOutcome::Crashed { signal: libc::SIGSEGV }, true));
        all.extend(told(&Verdict::Loads, ProbeOutcome::Exited { status: 3 }, true));
        all.extend(told(&Verdict::Undecided, ProbeOutcome::TimedOut, true));
        all.push(ProbeFinding::AttacksTheProbe);
        all
    }

    #[test]
    fn every_code_has_an_entry_and_a_finding() {
        let met: HashSet<_> = samples().iter().map(ProbeFinding::code).collect();
        assert_eq!(met, codes().collect::<HashSet<_>>());
        for f in samples() {
            assert!(!f.text().is_empty() && !f.hint().is_empty() && f.evidence().is_object(), "{f:?}");
        }
        for e in ENTRIES {
            assert!(e.explanation.len() > 80 && e.explanation.ends_with('.') && e.mend.ends_with('.'));
            assert!(!e.title.ends_with('.') && e.title.len() < 90, "{}", e.code);
        }
    }

    #[test]
    fn codes_are_not_those_of_the_other_tables() {
        let others: HashSet<_> = crate::analyzer::catalogue::codes().collect();
        assert!(codes().all(|code| !others.contains(code)));
    }

    #[test]
    fn a_death_that_was_foreseen_is_no_finding() {
        let fails = Verdict::Fails { message: None, dies: Some(Death::Hang) };
        assert_eq!(told(&fails, ProbeOutcome::TimedOut, true), []);
        let said = Verdict::Fails { message: Some(b"m".to_vec()), dies: None };
        assert_eq!(told(&said, ProbeOutcome::Refused { message: b"m".to_vec() }, false), []);
    }

    #[test]
    fn a_contradiction_shows_both_sides() {
        let said = Verdict::Fails { message: Some(b"no".to_vec()), dies: None };
        let other = told(&said, ProbeOutcome::Refused { message: b"other\xff".to_vec() }, false);
        assert_eq!(other[0].text(), "predicted: refused (no); the loader: refused (other\u{fffd})");
        let evidence = other[0].evidence();
        assert_eq!(evidence["predicted"]["message"], "no");
        assert_eq!(evidence["outcome"]["message"]["bytes"], "6f74686572ff");
        assert_eq!(evidence["agreement"], "other-manner");
        let loads = told(&said, ProbeOutcome::Loaded, false);
        assert_eq!(loads[0].evidence()["agreement"], "too-strict");
    }

    #[test]
    fn code_that_ran_may_do_what_it_likes_but_a_bare_library_may_not() {
        let crash = || ProbeOutcome::Crashed { signal: 11 };
        let codes =
            |runs| told(&Verdict::Loads, crash(), runs).iter().map(ProbeFinding::code).collect::<Vec<_>>();
        assert_eq!(codes(true), ["crashes-while-loading"]);
        assert_eq!(codes(false), ["crashes-while-loading", "prediction-wrong"]);
    }
}
