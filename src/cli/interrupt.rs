//! What happens when somebody presses Ctrl-C: nothing is left behind, and what was done is said.
//! It must never write a report, nor end the process with a status that means something else: 130 is the shells' own.
//! Helpers of Level 3, and what libraries left to this process, are killed before it goes. Where it goes without this, the pipe
//! the helpers are asked through is closed, and they kill what they started and end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::progress::Counts;
use crate::loader::pool::Household;

/// 128 and the number of SIGINT.
const STATUS: i32 = 130;

/// What would be left behind, and what was done.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    /// What was judged so far.
    pub counts: Counts,
    half_written: Arc<Mutex<Option<PathBuf>>>,
    household: Arc<OnceLock<Arc<Household>>>,
}

impl Interruption {
    /// From now on, an interrupt ends the process cleanly. Where it cannot be caught, it ends the process as always.
    pub fn caught() -> Interruption {
        let own = Interruption::default();
        let seen = own.clone();
        let _ = ctrlc::set_handler(move || seen.end());
        own
    }

    /// The helpers of this run, which end with it.
    pub fn household(&self) -> Arc<Household> {
        Arc::clone(self.household.get_or_init(|| Arc::new(Household::adopt())))
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
        if let Some(household) = self.household.get() {
            household.end();
        }
        let told = self.counts.told();
        let _ =
            writeln!(std::io::stderr(), "\r\x1b[Ktsuku-verify: interrupted: {told}; no report was written");
        std::process::exit(STATUS);
    }
}
