//! The answer for one library: loads, fails with the loader's own words or death, or undecided.
//! It must never be changed by a probe; a probe may only contradict it.
//! The first failure in the loader's order decides (glibc elf/dl-open.c:dl_open_worker_begin).

use super::finding::Finding;
use super::model::Death;

/// Loads, fails, or nobody can tell from files.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The loader accepts it.
    Loads,
    /// The loader refuses it, or dies.
    Fails {
        /// What `dlerror` says, byte for byte; none when the loader dies.
        message: Option<Vec<u8>>,
        /// How it dies, if it does.
        dies: Option<Death>,
    },
    /// It depends on what no reader of files can know (the findings say on what).
    Undecided,
}

/// Why a failing library should, or should not, worry its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing known makes it load.
    Broken,
    /// All it lacks is what a known host program gives.
    NeedsHost,
    /// All it lacks is in a library it does not list.
    Underlinked,
    /// It is made for another machine.
    Foreign,
}

/// The answer with its evidence.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// The deciding finding first, then the others.
    pub findings: Vec<Finding>,
    /// Highest level whose checks were passed.
    pub level_reached: u8,
}

/// Code that runs while a library is loaded, in it and in all it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitSummary {
    /// Objects with initialisers beyond those every compiler adds.
    pub with_initialisers: usize,
    /// Objects with IFUNC resolvers.
    pub with_ifuncs: usize,
    /// Something could not be read, so nobody knows.
    pub unknown: bool,
}

impl InitSummary {
    /// True if loading runs code of the libraries, or may.
    pub fn runs_code(&self) -> bool {
        self.with_initialisers > 0 || self.with_ifuncs > 0 || self.unknown
    }
}
