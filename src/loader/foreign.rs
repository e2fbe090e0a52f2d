//! A helper that somebody chose and that is not of this version: asked by the drop-in protocol, one process a library.
//! It must never be believed further than its own answer: what it does to one library's process says nothing of another's.
//! tsuku's protocol: a path as argument, one JSON array on standard output; `--version` says `tsuku-dltest v<version>`.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::helper::Helper;
use super::options::ProbeOptions;
use super::outcome::{Details, ProbeOutcome};
use super::pool::Household;
use super::pool::process::Process;

/// More output of a helper is not read.
const LONGEST: u64 = 1 << 20;
/// Time for `--version`.
const PATIENCE: Duration = Duration::from_secs(3);

/// How one run ended.
struct Ended {
    output: Vec<u8>,
    /// None if its time was over.
    status: Option<ExitStatus>,
}

/// Why a helper's version is not known.
#[derive(Debug)]
pub(super) enum Unknown {
    /// It does not run here.
    Silent(String),
    /// It runs, and says something else.
    Other(String),
}

impl Unknown {
    /// In words.
    pub(super) fn reason(self) -> String {
        let (Unknown::Silent(reason) | Unknown::Other(reason)) = self;
        reason
    }
}

/// A stream that leads nowhere. A root directory with nothing but a C library in it has no /dev/null.
fn nothing() -> Stdio {
    let there = rustix::fs::access("/dev/null", rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK);
    if there.is_ok() { Stdio::null() } else { Stdio::piped() }
}

/// The version a helper says it has.
///
/// # Errors
/// It does not run, or says something else.
pub(super) fn version(helper: &Helper, household: Option<&Household>) -> Result<String, Unknown> {
    let silent = |e: std::io::Error| Unknown::Silent(format!("it cannot be started: {e}"));
    let mut command = helper.command(None).map_err(silent)?;
    command.arg("--version").env_clear().stderr(nothing());
    let ended = once(command, PATIENCE, household).map_err(silent)?;
    let Some(status) = ended.status else {
        return Err(Unknown::Silent("it does not answer to --version".to_owned()));
    };
    let text = String::from_utf8_lossy(&ended.output);
    match text.trim().strip_prefix("tsuku-dltest v") {
        Some(version) if status.success() => Ok(version.to_owned()),
        // A loader that cannot start it says so on its own, and tells by the status.
        _ if text.is_empty() && !status.success() => {
            Err(Unknown::Silent(format!("it does not start ({status})")))
        }
        _ => Err(Unknown::Other(format!("it does not say that it is tsuku-dltest (--version: {status})"))),
    }
}

/// Asks for each path.
pub(super) fn probe(paths: &[Vec<u8>], options: &ProbeOptions<'_>) -> Vec<(ProbeOutcome, Details)> {
    let not_run = |reason: &str| ProbeOutcome::NotRun { reason: reason.to_owned() };
    let refuse = match (options.preloaded.is_empty(), options.lazy, options.sandbox) {
        (false, ..) => Some("the chosen helper cannot load libraries first"),
        (_, true, _) => Some("the chosen helper cannot bind lazily"),
        (.., super::sandbox::Sandbox::Strict) => Some("the chosen helper has no sandbox"),
        _ => None,
    };
    let ask = |path: &Vec<u8>| match (refuse, path.contains(&b'/')) {
        (Some(reason), _) => not_run(reason),
        (None, false) => not_run("not a path that can be asked for"),
        (None, true) => one(path, options).unwrap_or_else(|e| not_run(&e.to_string())),
    };
    paths.iter().map(|path| (ask(path), Details::default())).collect()
}

fn one(path: &[u8], options: &ProbeOptions<'_>) -> std::io::Result<ProbeOutcome> {
    let mut command = options.helper.command(options.loader.as_ref())?;
    command.arg(std::ffi::OsStr::from_bytes(path)).env_clear();
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&options.cwd).stderr(nothing());
    let ended = once(command, options.deadline, options.household)?;
    Ok(match (answer(&ended.output), ended.status) {
        (_, None) => ProbeOutcome::TimedOut,
        (Some(outcome), _) => outcome,
        (None, Some(status)) => match (status.signal(), status.code()) {
            (Some(signal), _) => ProbeOutcome::Crashed { signal },
            (None, code) => ProbeOutcome::Exited { status: code.unwrap_or_default() },
        },
    })
}

/// The one entry of the array, if that is what was said.
fn answer(output: &[u8]) -> Option<ProbeOutcome> {
    let value: serde_json::Value = serde_json::from_slice(output).ok()?;
    let [entry] = value.as_array()?.as_slice() else { return None };
    if entry.get("ok")?.as_bool()? {
        return Some(ProbeOutcome::Loaded);
    }
    let message = entry.get("error")?.as_str()?.as_bytes().to_vec();
    Some(ProbeOutcome::Refused { message })
}

/// Runs a command until it ends or its time is over; its group does not outlive it.
fn once(mut command: Command, deadline: Duration, household: Option<&Household>) -> std::io::Result<Ended> {
    let end = Instant::now() + deadline;
    command.stdin(nothing()).stdout(Stdio::piped());
    let mut process = Process::start_apart(&mut command, household)?;
    let mut output = Vec::new();
    // Where there is no /dev/null, the others are pipes, which end here.
    let (_, mut open, _) = process.streams();
    let late = loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break true;
        }
        // Somebody else may hold its output after it ended, so both are watched.
        let beat = left.min(Duration::from_millis(if open.is_some() { 20 } else { 1 }));
        let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(beat.subsec_nanos()) };
        let mut fds: Vec<PollFd<'_>> =
            open.iter().map(|out| PollFd::from_borrowed_fd(out.as_fd(), PollFlags::IN)).collect();
        let ready = poll(&mut fds, Some(&pause)).is_ok_and(|n| n > 0);
        if ready && let Some(out) = &mut open {
            let mut chunk = [0; 8192];
            match out.read(&mut chunk) {
                Ok(n) if n > 0 && (output.len() as u64) < LONGEST => output.extend(chunk.iter().take(n)),
                _ => open = None,
            }
            continue;
        }
        if process.has_ended() {
            break false;
        }
    };
    // Only now is it collected: until then its number, and that of its group, are nobody else's.
    let status = process.end()?;
    Ok(Ended { output, status: (!late).then_some(status) })
}
