//! `verify`: the given files, in the given order.
//! A path that cannot be judged gets its own result; it must never stop the others.
//! What `dlopen(path, RTLD_NOW | RTLD_LOCAL)` would do to each, in a process of its own.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::args::VerifyArgs;
use super::batch::{self, Asked};
use super::exit::{Exit, Failure};
use super::request::{Judging, Run, read_paths};
use super::session;

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(args: VerifyArgs) -> Result<Exit, Failure> {
    let run = Run::new(&args.run);
    let paths = match &args.paths_from {
        Some(from) => read_paths(from)?,
        None => args.paths.into_iter().map(OsString::into_vec).collect(),
    };
    let judging = Judging::new(args.judge)?;
    session::with(&judging, run.jobs, |s| batch::run(s, &run, Asked::Verify, &paths, &[]))
}
