//! What was done so far, for people who wait and for those who interrupt: a line on standard error, only if somebody looks.
//! It must never touch standard output, slow the work down, or stay behind when the work is done.
//! Any thread may count; the drawing is indicatif's, which draws a few times a second at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::analyzer::audit::Library;
use crate::analyzer::verdict::Verdict;

/// Nothing is shown before.
const PATIENCE: Duration = Duration::from_millis(700);

/// The counts of a run. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[AtomicUsize; 3]>);

impl Counts {
    /// Judged, to be judged, failing.
    pub fn now(&self) -> (usize, usize, usize) {
        let [done, total, failing] = &*self.0;
        let at = |n: &AtomicUsize| n.load(Ordering::Relaxed);
        (at(done), at(total), at(failing))
    }

    /// `120 of 400 judged, 3 fail`.
    pub fn told(&self) -> String {
        let (done, total, failing) = self.now();
        let failing = match failing {
            0 => String::new(),
            1 => ", 1 fails".to_owned(),
            n => format!(", {n} fail"),
        };
        format!("{done} of {total} judged{failing}")
    }
}

/// The counter.
pub struct Progress {
    counts: Counts,
    start: Instant,
    /// Somebody looks, and the line is not there yet.
    waiting: AtomicBool,
    bar: ProgressBar,
}

impl Progress {
    /// A counter up to `total`.
    pub fn new(total: usize, counts: &Counts, watched: bool) -> Progress {
        let [_, all, _] = &*counts.0;
        all.fetch_add(total, Ordering::Relaxed);
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg} {elapsed:>4}") {
            bar.set_style(style);
        }
        Progress { counts: counts.clone(), start: Instant::now(), waiting: AtomicBool::new(watched), bar }
    }

    /// One more is done.
    pub fn count(&self, library: &Library) {
        let [done, _, failing] = &*self.counts.0;
        done.fetch_add(1, Ordering::Relaxed);
        if matches!(library.judgement.verdict, Verdict::Fails { .. }) {
            failing.fetch_add(1, Ordering::Relaxed);
        }
        self.bar.inc(1);
        if self.start.elapsed() < PATIENCE {
            return;
        }
        if self.waiting.swap(false, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if !self.bar.is_hidden() {
            self.bar.set_message(self.counts.told());
        }
    }

    /// Takes the line away. The report may be written.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_in_words() {
        let counts = Counts::default();
        let _ = Progress::new(4, &counts, false);
        assert_eq!(counts.told(), "0 of 4 judged");
        let [done, _, failing] = &*counts.0;
        done.store(3, Ordering::Relaxed);
        failing.store(1, Ordering::Relaxed);
        assert_eq!(counts.told(), "3 of 4 judged, 1 fails");
    }
}
