//! Which libraries are worth a run-time load.
//! It must never skip one whose death only running can show: code that runs while it is loaded.
//! Follows glibc elf/dl-init.c:call_init and elf/dl-reloc.c (IFUNC resolvers run during relocation).

use crate::analyzer::verdict::{InitSummary, Verdict};

/// `--probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Escalation {
    /// Where loading can add something.
    #[default]
    Auto,
    /// All of them: also a test of ourselves.
    Always,
    /// None.
    Never,
}

/// Whether to probe, and if not, why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Probe it.
    Probe,
    /// The user wants none.
    NotWanted,
    /// It is predicted to fail.
    PredictedToFail,
    /// No code of it runs while it is loaded.
    NothingToRun,
    /// It lies outside the audited directory.
    Outside,
}

impl Decision {
    /// Why there is no probe; none if there is one.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Decision::Probe => None,
            Decision::NotWanted => Some("no probe was wanted"),
            Decision::PredictedToFail => Some("it is predicted to fail"),
            Decision::NothingToRun => Some("no code of it runs while it is loaded"),
            Decision::Outside => Some("it lies outside the audited directories"),
        }
    }
}

/// Decides for one library. `inside`: its canonical path is below the audited directory, or it was named itself.
pub fn decide(escalation: Escalation, verdict: &Verdict, init: &InitSummary, inside: bool) -> Decision {
    match (escalation, verdict) {
        (Escalation::Never, _) => Decision::NotWanted,
        _ if !inside => Decision::Outside,
        (Escalation::Always, _) => Decision::Probe,
        (Escalation::Auto, Verdict::Fails { .. }) => Decision::PredictedToFail,
        (Escalation::Auto, Verdict::Loads) if !init.runs_code() => Decision::NothingToRun,
        (Escalation::Auto, Verdict::Loads | Verdict::Undecided) => Decision::Probe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_running_code_makes_a_probe_worth_while() {
        let quiet = InitSummary::default();
        let busy = InitSummary { with_ifuncs: 1, ..quiet };
        let fails = Verdict::Fails { message: None, dies: None };
        assert_eq!(decide(Escalation::Auto, &Verdict::Loads, &quiet, true), Decision::NothingToRun);
        assert_eq!(decide(Escalation::Auto, &Verdict::Loads, &busy, true), Decision::Probe);
        assert_eq!(decide(Escalation::Auto, &Verdict::Undecided, &quiet, true), Decision::Probe);
        assert_eq!(decide(Escalation::Auto, &fails, &busy, true), Decision::PredictedToFail);
        assert_eq!(decide(Escalation::Always, &fails, &quiet, true), Decision::Probe);
        assert_eq!(decide(Escalation::Always, &fails, &quiet, false), Decision::Outside);
        assert_eq!(decide(Escalation::Never, &Verdict::Undecided, &busy, true), Decision::NotWanted);
    }
}
