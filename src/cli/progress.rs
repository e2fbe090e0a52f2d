//! A counter for people who wait: one line on standard error, only if somebody looks and the run is long.
//! It must never touch standard output, slow the work down, or stay behind when the work is done.
//! Any thread may count; whoever gets the lock writes.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nothing is shown before.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Time between two changes of the line.
const BEAT: Duration = Duration::from_millis(200);

/// The counter.
pub struct Progress {
    total: usize,
    done: AtomicUsize,
    /// When the line may be written next; `None` if nobody looks.
    next: Option<Mutex<Instant>>,
    shown: AtomicUsize,
}

impl Progress {
    /// A counter up to `total`.
    pub fn new(total: usize, watched: bool) -> Progress {
        let next = watched.then(|| Mutex::new(Instant::now() + PATIENCE));
        Progress { total, done: AtomicUsize::new(0), next, shown: AtomicUsize::new(0) }
    }

    /// One more is done.
    pub fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(Ok(mut next)) = self.next.as_ref().map(Mutex::try_lock) else { return };
        let now = Instant::now();
        if now >= *next {
            *next = now + BEAT;
            self.shown.store(1, Ordering::Relaxed);
            let _ = write!(std::io::stderr(), "\r{done} of {} libraries judged", self.total);
        }
    }

    /// Takes the line away. The report may be written.
    pub fn clear(&self) {
        if self.shown.swap(0, Ordering::Relaxed) > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
