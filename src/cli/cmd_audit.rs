//! `audit`: every shared library below directories, told by content and not by name; without one, the home.
//! It must never follow links while collecting, nor judge one file twice.
//! A directory that cannot be read is reported and the others go on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::args::AuditArgs;
use super::batch::{self, Asked, Work};
use super::cmd_home::{self, View};
use super::exit::{Exit, Failure};
use super::level3::Prober;
use super::request::{Judging, Run};
use super::session;
use crate::analyzer::audit::{self, Wanted};
use crate::analyzer::timings::{self, Phase};

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(args: AuditArgs) -> Result<Exit, Failure> {
    let run = Run::new(&args.run)?;
    let judging = Judging::new(args.judge)?;
    if args.dirs.is_empty() {
        let home = cmd_home::read(&judging, &args.home)?;
        let all: Vec<usize> = (0..home.0.trees.len()).collect();
        return cmd_home::run(&judging, &run, &args.home, home, &all, View::Files);
    }
    let dirs: Vec<Vec<u8>> = args.dirs.into_iter().map(OsString::into_vec).collect();
    let wanted = Wanted { executables: args.executables };
    let prober = Prober::new(&run, &judging, &args.home)?;
    session::with(&judging, run.jobs, |s| {
        let collect = || audit::collect(s.host, &dirs, wanted);
        let found = timings::time(s.disk.timings(), Phase::Collect, collect);
        let unable = !found.unlisted.is_empty();
        let work = Work {
            paths: &found.paths,
            unlisted: &found.unlisted,
            below: Some(&dirs),
            prober: prober.as_ref(),
        };
        let exit = batch::run(s, &run, Asked::Audit, &work)?;
        Ok(if exit == Exit::Clean && unable { Exit::Unable } else { exit })
    })
}
