//! Where the time of a run goes, phase by phase as in DESIGN.md, and how much was done; for `--timings`.
//! It must never decide anything; where nobody asks, it costs one comparison.
//! A phase that lies inside another is taken out of it, so that the times of one thread add up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the time is spent on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Which loader is predicted.
    Model,
    /// The process before the call.
    Process,
    /// Which files there are to judge.
    Collect,
    /// Opening, mapping and reading files.
    Host,
    /// Bytes to facts.
    Facts,
    /// Search and link maps.
    Maps,
    /// Binding and the checks behind it.
    Checks,
    /// Who has to act.
    Classes,
    /// Writing the report.
    Report,
}

/// Every phase with its name, in the order of DESIGN.md.
const PHASES: [(Phase, &str); 9] = [
    (Phase::Model, "loader model"),
    (Phase::Process, "process"),
    (Phase::Collect, "collect"),
    (Phase::Host, "host: open, map, read"),
    (Phase::Facts, "facts"),
    (Phase::Maps, "search and link maps"),
    (Phase::Checks, "binding and checks"),
    (Phase::Classes, "classes"),
    (Phase::Report, "report"),
];

/// Times and counts of a run.
#[derive(Debug, Default)]
pub struct Timings {
    /// Nanoseconds, summed over all threads.
    spent: [AtomicU64; PHASES.len()],
    lookups: AtomicU64,
    files: AtomicU64,
    bindings: AtomicU64,
    remembered: AtomicU64,
}

thread_local! {
    /// Nanoseconds that phases inside the current one took.
    static INNER: Cell<u64> = const { Cell::new(0) };
}

impl Timings {
    /// Runs `work` as part of a phase.
    pub fn time<R>(&self, phase: Phase, work: impl FnOnce() -> R) -> R {
        let outer = INNER.replace(0);
        let begin = Instant::now();
        let result = work();
        let all = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let own = all.saturating_sub(INNER.get());
        INNER.set(outer.saturating_add(all));
        if let Some(spent) = self.spent.get(phase as usize) {
            spent.fetch_add(own, Ordering::Relaxed);
        }
        result
    }

    /// Adds what a memo has counted: symbol look-ups, bindings of an object computed, and taken from memory.
    pub fn add(&self, lookups: u64, bindings: u64, remembered: u64) {
        self.lookups.fetch_add(lookups, Ordering::Relaxed);
        self.bindings.fetch_add(bindings, Ordering::Relaxed);
        self.remembered.fetch_add(remembered, Ordering::Relaxed);
    }

    /// Milliseconds of each phase.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let spent = PHASES.iter().zip(&self.spent);
        spent.map(|((_, name), ns)| (*name, ns.load(Ordering::Relaxed) as f64 / 1e6))
    }

    /// Counts a file whose facts were read.
    pub fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts with their names.
    pub fn counts(&self) -> [(&'static str, u64); 4] {
        [
            ("files read", self.files.load(Ordering::Relaxed)),
            ("symbol look-ups", self.lookups.load(Ordering::Relaxed)),
            ("bindings computed", self.bindings.load(Ordering::Relaxed)),
            ("bindings remembered", self.remembered.load(Ordering::Relaxed)),
        ]
    }
}

/// Runs `work` as part of a phase, if somebody wants to know.
#[inline]
pub fn time<R>(timings: Option<&Timings>, phase: Phase, work: impl FnOnce() -> R) -> R {
    match timings {
        Some(timings) => timings.time(phase, work),
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_stand_at_their_numbers() {
        assert!(PHASES.iter().enumerate().all(|(at, (phase, _))| *phase as usize == at));
    }
}
