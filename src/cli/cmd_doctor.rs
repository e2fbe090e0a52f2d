//! `doctor`: the whole home at a glance, what breaks it and what mends it.
//! It must never change the home, not even to mend it.
//! Everything is judged and compared unless less is asked for.

use super::args::{DoctorArgs, ReportFormat};
use super::cmd_home::{self, View};
use super::exit::{Exit, Failure};
use super::request::{Judging, Run};

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(mut args: DoctorArgs) -> Result<Exit, Failure> {
    if args.json {
        args.run.format = ReportFormat::Json;
    }
    args.home.integrity = !args.no_integrity;
    let run = Run::new(&args.run)?;
    let judging = Judging::new(args.judge)?;
    cmd_home::all(judging, run, &args.home, View::Doctor)
}
