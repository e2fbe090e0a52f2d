//! One started helper: the only place where the program starts another, and where one is ended.
//! It must never signal a number that was collected: it may be another's by then.
//! Follows waitid(2) with WNOWAIT, kill(2) and setsid(2).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::time::Duration;

use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::household::Household;

/// What is written to it, what it says, and what it complains of.
pub type Streams = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

/// A helper process. Dropping it ends its group and collects it.
#[derive(Debug)]
pub struct Process<'h> {
    child: Child,
    household: Option<&'h Household>,
    collected: bool,
}

impl<'h> Process<'h> {
    /// Starts it. A household that is being ended starts nothing and never returns.
    ///
    /// # Errors
    /// The system's.
    pub fn start(command: &mut Command, household: Option<&'h Household>) -> io::Result<Process<'h>> {
        let child = match household {
            Some(household) => household.enter(|| command.spawn())?,
            None => command.spawn()?,
        };
        Ok(Process { child, household, collected: false })
    }

    /// In a group of its own, for a program that does not make its own session.
    ///
    /// # Errors
    /// The system's.
    pub fn start_apart(command: &mut Command, household: Option<&'h Household>) -> io::Result<Process<'h>> {
        Process::start(command.process_group(0), household)
    }

    /// Its streams, as far as they were asked for and not taken yet.
    pub fn streams(&mut self) -> Streams {
        (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).filter(|_| !self.collected)
    }

    /// It has ended; it is not collected.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    /// Lets a stopped one go on.
    pub fn resume(&self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    /// Gives it as many milliseconds to end by itself.
    pub fn wait_for(&self, milliseconds: u32) {
        for _ in 0..milliseconds {
            if self.has_ended() {
                return;
            }
            pause();
        }
    }

    /// Kills what is left of its group, and itself, and collects it.
    ///
    /// # Errors
    /// The system's.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = kill_process(pid, Signal::KILL);
        }
        let status = self.child.wait();
        self.collected = true;
        if let Some(household) = self.household {
            household.leave(self.child.id());
        }
        status
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        if !self.collected {
            let _ = self.end();
        }
    }
}

/// A millisecond.
pub fn pause() {
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(Duration::from_millis(1).subsec_nanos()) };
    let _ = poll(&mut [], Some(&pause));
}
