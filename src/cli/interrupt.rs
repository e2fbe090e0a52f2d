//! What happens when somebody presses Ctrl-C: nothing is left behind, and what was done is said.
//! It must never write a report, nor end the process with a status that means something else: 130 is the shells' own.
//! Helpers of Level 3 end by themselves when this process does: the pipe they answer on is closed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::progress::Counts;

/// 128 and the number of SIGINT.
const STATUS: i32 = 130;

/// What would be left behind, and what was done.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    /// What was judged so far.
    pub counts: Counts,
    half_written: Arc<Mutex<Option<PathBuf>>>,
}

impl Interruption {
    /// From now on, an interrupt ends the process cleanly. Where it cannot be caught, it ends the process as always.
    pub fn caught() -> Interruption {
        let own = Interruption::default();
        let seen = own.clone();
        let _ = ctrlc::set_handler(move || seen.end());
        own
    }

    /// This file is to be removed if the run is given up; none any more when it is whole.
    pub fn half_written(&self, path: Option<&Path>) {
        *self.half_written.lock().unwrap_or_else(PoisonError::into_inner) = path.map(Path::to_owned);
    }

    #[expect(clippy::disallowed_methods, reason = "this is how an interrupted run ends; its own file goes")]
    fn end(&self) {
        let pending = self.half_written.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(path) = pending {
            let _ = std::fs::remove_file(path);
        }
        let told = self.counts.told();
        let _ =
            writeln!(std::io::stderr(), "\r\x1b[Ktsuku-verify: interrupted: {told}; no report was written");
        std::process::exit(STATUS);
    }
}
