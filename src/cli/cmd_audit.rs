//! `audit`: every shared library below directories, told by content and not by name; without one, the home.
//! It must never follow links while collecting, nor judge one file twice.
//! A directory that cannot be read is reported and the others go on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::args::{AuditArgs, HomeArgs};
use super::batch::{self, Asked, Work};
use super::cmd_home::{self, View};
use super::exit::{Exit, Failure};
use super::level3::Prober;
use super::machines;
use super::remember::remembered;
use super::request::{Judging, Run};
use super::session::{self, Session};
use crate::analyzer::audit::{self, Wanted};

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(args: AuditArgs) -> Result<Exit, Failure> {
    let run = Run::new(&args.run)?;
    let mut judging = Judging::new(args.judge)?;
    if args.dirs.is_empty() {
        return cmd_home::all(judging, run, &args.home, View::Files);
    }
    let dirs: Vec<Vec<u8>> = args.dirs.into_iter().map(OsString::into_vec).collect();
    judging.show(&dirs);
    let wanted = Wanted { executables: args.executables };
    let asked = ("audit", &dirs, wanted);
    remembered(judging, run, &asked, |judging, run| directories(judging, run, &args.home, &dirs, wanted))
}

fn directories(
    judging: &Judging,
    run: &Run,
    home: &HomeArgs,
    dirs: &[Vec<u8>],
    wanted: Wanted,
) -> Result<Exit, Failure> {
    if judging.profiles.len() > 1 {
        let find = |s: &Session<'_, '_>| audit::collect(s.host, dirs, wanted);
        return machines::run(judging, run, Asked::Audit, &find);
    }
    let prober = Prober::new(run, judging, home)?;
    session::with(judging, run.jobs, |s| {
        let found = audit::collect(s.host, dirs, wanted);
        let unable = !found.unlisted.is_empty();
        let work = Work {
            paths: &found.paths,
            unlisted: &found.unlisted,
            below: Some(dirs),
            prober: prober.as_ref(),
        };
        let exit = batch::run(s, run, Asked::Audit, &work)?;
        Ok(if exit == Exit::Clean && unable { Exit::Unable } else { exit })
    })
}
