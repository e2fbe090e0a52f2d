//! A helper that somebody chose and that is not of this version: asked by the drop-in protocol, one process a library.
//! It must never be believed further than its own answer: what it does to one library's process says nothing of another's.
//! tsuku's protocol: a path as argument, one JSON array on standard output; `--version` says `tsuku-dltest v<version>`.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::helper::Helper;
use super::options::ProbeOptions;
use super::outcome::{Details, ProbeOutcome};

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

/// The version a helper says it has.
///
/// # Errors
/// It does not run, or says something else.
pub(super) fn version(helper: &Helper) -> Result<String, String> {
    let mut command = helper.command(None).map_err(|e| e.to_string())?;
    command.arg("--version").env_clear().stderr(Stdio::null());
    let ended = once(command, PATIENCE).map_err(|e| e.to_string())?;
    let Some(status) = ended.status else { return Err("it does not answer to --version".to_owned()) };
    let text = String::from_utf8_lossy(&ended.output);
    match text.trim().strip_prefix("tsuku-dltest v") {
        Some(version) => Ok(version.to_owned()),
        None => Err(format!("it does not say that it is tsuku-dltest (--version: {status})")),
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
    command.current_dir(&options.cwd).stderr(Stdio::null());
    let ended = once(command, options.deadline)?;
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
fn once(mut command: Command, deadline: Duration) -> std::io::Result<Ended> {
    let end = Instant::now() + deadline;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn()?;
    let mut output = Vec::new();
    let mut open = child.stdout.take();
    let status = loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break None;
        }
        // Somebody else may hold its output after it ended, so both are watched.
        let beat = left.min(Duration::from_millis(if open.is_some() { 20 } else { 2 }));
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
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
    };
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    if status.is_none() {
        let _ = child.kill();
        child.wait()?;
    }
    Ok(Ended { output, status })
}
