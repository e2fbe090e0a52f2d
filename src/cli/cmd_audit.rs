//! `audit`: every shared library below directories, told by content and not by name.
//! It must never follow links while collecting, nor judge one file twice.
//! A directory that cannot be read is reported and the others go on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::args::AuditArgs;
use super::batch::{self, Asked};
use super::exit::{Exit, Failure};
use super::request::{Judging, Loudness, Run};
use super::{complain, session};
use crate::analyzer::audit::{self, Wanted};

/// What is audited when nothing is named.
const USUAL: [&[u8]; 2] = [b"/usr/lib", b"/usr/local/lib"];

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(args: AuditArgs) -> Result<Exit, Failure> {
    let run = Run::new(&args.run);
    let named = !args.dirs.is_empty();
    let dirs: Vec<Vec<u8>> = if named {
        args.dirs.into_iter().map(OsString::into_vec).collect()
    } else {
        if run.loudness > Loudness::Quiet {
            complain("no directory is named: /usr/lib and /usr/local/lib are audited");
        }
        USUAL.map(<[u8]>::to_vec).to_vec()
    };
    let wanted = Wanted { executables: args.executables };
    let judging = Judging::new(args.judge)?;
    session::with(&judging, run.jobs, |s| {
        let mut found = audit::collect(s.host, &dirs, wanted);
        if !named {
            // A system without one of the usual directories is not at fault.
            found.unlisted.retain(|u| !USUAL.contains(&u.path.as_slice()));
        }
        let unable = !found.unlisted.is_empty();
        let exit = batch::run(s, &run, Asked::Audit, &found.paths, &found.unlisted)?;
        Ok(if exit == Exit::Clean && unable { Exit::Unable } else { exit })
    })
}
