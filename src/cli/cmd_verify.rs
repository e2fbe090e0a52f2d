//! `verify`: the libraries and tools of the home that are named, or the given files in the given order.
//! A path that cannot be judged gets its own result; it must never stop the others.
//! What `dlopen(path, RTLD_NOW | RTLD_LOCAL)` would do to each, in a process of its own.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::args::HomeArgs;
use super::args::VerifyArgs;
use super::batch::{self, Asked, Work};
use super::cmd_home::{self, View};
use super::exit::{Exit, Failure};
use super::level3::Prober;
use super::machines;
use super::remember::remembered;
use super::request::{Format, Judging, Run, home_place, read_paths};
use super::session::{self, Session};
use crate::analyzer::audit::Collected;
use crate::analyzer::host::real::ByteStore;

/// Runs the command.
///
/// # Errors
/// What keeps all of the work from being done.
pub fn run(args: VerifyArgs) -> Result<Exit, Failure> {
    let run = Run::new(&args.run)?;
    let operands: Vec<Vec<u8>> = match &args.paths_from {
        Some(from) => read_paths(from)?,
        None => args.paths.into_iter().map(OsString::into_vec).collect(),
    };
    if operands.iter().any(Vec::is_empty) {
        return Err(Failure::Usage("an empty name is no library's".to_owned()));
    }
    let mut judging = Judging::new(args.judge)?;
    judging.show(&operands);
    let by_name = args.paths_from.is_none() && operands.iter().any(|o| !o.contains(&b'/'));
    let home = &args.home;
    let asked = ("verify", &operands, home, home_place(home));
    remembered(judging, run, &asked, |judging, run| {
        if judging.profiles.len() > 1 {
            let find = |_: &Session<'_, '_>| Collected { paths: operands.clone(), ..Collected::default() };
            return machines::run(judging, run, Asked::Verify, &find);
        }
        if !by_name {
            return files(judging, run, home, &operands);
        }
        names(judging, run, home, operands.clone())
    })
}

/// Operands that are all files.
fn files(judging: &Judging, run: &Run, home: &HomeArgs, paths: &[Vec<u8>]) -> Result<Exit, Failure> {
    let prober = Prober::new(run, judging, home)?;
    let work = Work { paths, unlisted: &[], below: None, prober: prober.as_ref() };
    session::with(judging, run.jobs, |s| batch::run(s, run, Asked::Verify, &work))
}

/// Operands of which some may be names.
fn names(judging: &Judging, run: &Run, args: &HomeArgs, operands: Vec<Vec<u8>>) -> Result<Exit, Failure> {
    // What is wrong with the loader or the root comes before what is wrong with a name.
    let store = ByteStore::new();
    session::describe(&session::machine(&store, judging)?, judging)?;
    let home = cmd_home::read(judging, args);
    let known = |o: &[u8]| home.as_ref().is_ok_and(|(h, _)| h.select(&String::from_utf8_lossy(o)).is_some());
    let is_path = |o: &Vec<u8>| o.contains(&b'/') || (!known(o) && cmd_home::is_file(judging, o));
    let (paths, names): (Vec<_>, Vec<_>) = operands.into_iter().partition(is_path);
    if names.is_empty() {
        return files(judging, run, args, &paths);
    }
    if !paths.is_empty() && (run.format != Format::Table || run.output.is_some()) {
        return Err(Failure::Usage(
            "names and files cannot be in one document: ask for them one after the other".to_owned(),
        ));
    }
    let names: Vec<String> = names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
    let home = home?;
    let chosen = cmd_home::chosen(&home.0, &names)?;
    let exit = cmd_home::run(judging, run, args, home, &chosen, View::Trees)?;
    if paths.is_empty() {
        return Ok(exit);
    }
    let other = files(judging, run, args, &paths)?;
    Ok(if exit == Exit::Broken { exit } else { other })
}
