//! Which powers the probed process loses: changing files, the network, other processes; and where all is asked for, programs too.
//! `auto` must never take what fails on no ordinary machine, because then nobody checks for it: forking and starting programs stay,
//! read-only disks and missing networks are known to everybody. Reading files and making threads always stay.
//! Follows landlock(7) and seccomp(2); the rules are made here and put in force by the helper, in the forked child only.

use std::ops::Range;
use std::os::fd::OwnedFd;

mod seccomp;

/// How much of the sandbox is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// What the kernel offers, as far as libraries that mean no harm do not notice.
    #[default]
    Auto,
    /// Nothing.
    Off,
    /// All of it, or nothing is probed.
    Strict,
}

/// Made rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// Landlock.
    pub ruleset: Option<OwnedFd>,
    /// Seccomp program.
    pub filter: Vec<u64>,
    /// The part of it that Landlock makes needless: left out by whoever has put Landlock in force, and only then.
    pub spare: Range<usize>,
}

impl Sandbox {
    /// The rules, or none if all of them are wanted and one cannot be had here.
    pub fn rules(self) -> Option<Rules> {
        if self == Sandbox::Off {
            return Some(Rules::default());
        }
        let strict = self == Sandbox::Strict;
        let landlock = super::seal::landlock_ruleset(strict);
        // Where Landlock keeps signals inside, processes the library starts may still signal themselves and each other.
        let signals_kept = !strict && landlock.as_ref().is_some_and(|landlock| landlock.signals_kept);
        let (filter, signals) = seccomp::program(strict);
        let spare = if signals_kept { signals } else { 0..0 };
        let whole = landlock.is_some() && !filter.is_empty();
        (!strict || whole).then(|| Rules {
            ruleset: landlock.map(|landlock| landlock.ruleset),
            filter,
            spare,
        })
    }
}
