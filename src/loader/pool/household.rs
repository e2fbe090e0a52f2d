//! The helpers of this process and what becomes of their orphans when a library ends the helper above it.
//! It must never end a process that this one had as a child before, nor one that no helper can have left.
//! Follows prctl(2) PR_SET_CHILD_SUBREAPER and proc(5): every helper sets no_new_privs, which nobody below it can take back.

#![expect(clippy::disallowed_methods, reason = "asks proc(5) for the children of this process")]

use std::fs;
use std::io;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use super::process::pause;

/// Rounds of a millisecond before what is left is left.
const ROUNDS: usize = 500;

/// This process as the one to whom orphans come.
#[derive(Debug, Default)]
pub struct Household {
    /// Children from before.
    strangers: Vec<u32>,
    /// Helpers that run.
    helpers: Mutex<Vec<u32>>,
}

/// A child of this process.
struct Member {
    pid: u32,
    ended: bool,
    /// It can gain no privileges: a helper, or something below one.
    bound: bool,
}

impl Household {
    /// From now on, orphans below this process become its children. For a program that starts no others meanwhile.
    pub fn adopt() -> Household {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        Household { strangers: members().iter().map(|m| m.pid).collect(), helpers: Mutex::default() }
    }

    fn helpers(&self) -> MutexGuard<'_, Vec<u32>> {
        self.helpers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
        let mut helpers = self.helpers();
        let child = start()?;
        helpers.push(child.id());
        Ok(child)
    }

    pub(super) fn leave(&self, pid: u32) {
        self.helpers().retain(|helper| *helper != pid);
    }

    /// Ends and collects what libraries left to this process.
    pub(super) fn sweep(&self) {
        let helpers = self.helpers();
        self.end_all(|member| member.bound && !helpers.contains(&member.pid));
    }

    /// Ends everything at once: for a run that is given up. Whoever wants to start or bury a helper from now on waits forever.
    pub fn end(&self) {
        let helpers = self.helpers();
        for helper in helpers.iter().copied().filter_map(pid) {
            let _ = kill_process_group(helper, Signal::KILL);
        }
        // Helpers are collected by nobody any more: ended is enough.
        self.end_all(|member| {
            let helper = helpers.contains(&member.pid);
            member.bound && !helper || helper && !member.ended
        });
        std::mem::forget(helpers);
    }

    fn end_all(&self, which: impl Fn(&Member) -> bool) {
        for round in 0..ROUNDS {
            let members = members();
            let mut left = members.iter().filter(|m| which(m) && !self.strangers.contains(&m.pid)).peekable();
            if left.peek().is_none() {
                return;
            }
            for member in left {
                let Some(pid) = pid(member.pid) else { continue };
                let _ = kill_process(pid, Signal::KILL);
                if member.ended {
                    let _ = waitpid(Some(pid), WaitOptions::NOHANG);
                }
            }
            if round > 0 {
                pause();
            }
        }
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// The children of this process; none where there is no proc(5).
fn members() -> Vec<Member> {
    let me = std::process::id();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let member = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let value = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        (value("PPid")?.parse() == Ok(me)).then(|| Member {
            pid,
            ended: value("State").is_some_and(|state| state.starts_with('Z')),
            bound: value("NoNewPrivs") == Some("1"),
        })
    };
    entries.filter_map(Result::ok).filter_map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn children_from_before_and_those_no_helper_left_are_spared() {
        let mut before = Command::new("sleep").arg("30").spawn().unwrap();
        let household =
            Household { strangers: members().iter().map(|m| m.pid).collect(), helpers: Mutex::default() };
        let mut other = Command::new("sleep").arg("30").spawn().unwrap();
        household.sweep();
        assert!(before.try_wait().unwrap().is_none() && other.try_wait().unwrap().is_none());
        for child in [&mut before, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
