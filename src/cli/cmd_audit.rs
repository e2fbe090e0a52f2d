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
use crate::analyzer::audit::{self, Collected, Wanted};
use crate::analyzer::store::sealed;
use crate::analyzer::timings::{self, Phase};

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
    let what = What { wanted: Wanted { executables: args.executables }, shard: args.shard };
    let asked = ("audit", &dirs, what);
    remembered(judging, run, &asked, |judging, run| directories(judging, run, &args.home, &dirs, what))
}

/// Which files of the directories.
#[derive(Clone, Copy, Debug)]
struct What {
    wanted: Wanted,
    shard: Option<(u32, u32)>,
}

impl What {
    /// The files of this part: which part a path belongs to depends on nothing but the path.
    fn find(self, s: &Session<'_, '_>, dirs: &[Vec<u8>]) -> Collected {
        let mut found = audit::collect(s.host, dirs, self.wanted);
        if let Some((number, parts)) = self.shard {
            found.paths.retain(|path| sealed::sum(path) % u64::from(parts) == u64::from(number) - 1);
        }
        found
    }
}

fn directories(
    judging: &Judging,
    run: &Run,
    home: &HomeArgs,
    dirs: &[Vec<u8>],
    what: What,
) -> Result<Exit, Failure> {
    if judging.profiles.len() > 1 {
        let find = |s: &Session<'_, '_>| what.find(s, dirs);
        return machines::run(judging, run, Asked::Audit, &find);
    }
    let prober = Prober::new(run, judging, home)?;
    session::with(judging, run.jobs, |s| {
        let found = timings::time(s.disk.timings(), Phase::Collect, || what.find(s, dirs));
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
