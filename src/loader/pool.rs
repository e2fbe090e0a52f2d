//! Helper processes at work: who probes what, until when, and what is done about those that die.
//! It must never start a thread or fork, and never leave a request without exactly one answer.
//! The helpers are watched from one loop over poll(2); a helper that is silent after its own deadline is killed with its group.

mod household;
pub(super) mod process;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::foreign;
use super::options::{DEADLINE, ProbeOptions};
use super::outcome::{Details, ProbeOutcome};
use super::protocol::{self, Head, Nonce, wire};
use super::random;
use super::seal;
pub use household::Household;
use process::Process;

/// How much longer than the deadline a helper may be silent: it has to kill and collect what a library left.
const GRACE: Duration = Duration::from_secs(2);
/// Milliseconds a helper that is not needed any more has to clear up behind its library.
const PARTING: u32 = 500;
/// How often helpers may fail to start before the pool gives up.
const START_FAILURES: usize = 3;

/// Probes each path; the answers are in the order of the paths.
pub fn probe(paths: &[Vec<u8>], options: &ProbeOptions<'_>) -> Vec<(ProbeOutcome, Details)> {
    if options.helper.foreign {
        return foreign::probe(paths, options);
    }
    let not_run = |reason: &str| {
        (ProbeOutcome::NotRun { reason: reason.to_owned() }, Details { unasked: true, ..Details::default() })
    };
    let Some(rules) = options.sandbox.rules() else {
        return vec![not_run("this kernel cannot put the sandbox in force"); paths.len()];
    };
    let Some(setup) = protocol::setup(&options.frame(&rules)) else {
        return vec![not_run("too many libraries to load first"); paths.len()];
    };
    if rules.ruleset.as_ref().is_some_and(|ruleset| seal::inherit(ruleset).is_err()) {
        return vec![not_run("the sandbox cannot be handed on"); paths.len()];
    }
    let mut pool = Pool {
        options,
        setup,
        queue: (0..paths.len()).map(|index| Task { index, again: false }).collect(),
        answers: vec![None; paths.len()],
        failures: 0,
        last_failure: String::new(),
    };
    pool.run(paths);
    if let Some(household) = options.household {
        household.sweep();
    }
    let Pool { answers, last_failure, .. } = pool;
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| not_run(&last_failure))).collect()
}

#[derive(Clone, Copy)]
struct Task {
    index: usize,
    /// A helper died of it before.
    again: bool,
}

struct Pool<'a> {
    options: &'a ProbeOptions<'a>,
    setup: Vec<u8>,
    queue: VecDeque<Task>,
    answers: Vec<Option<(ProbeOutcome, Details)>>,
    failures: usize,
    last_failure: String,
}

/// A helper at work.
struct Worker<'h> {
    process: Process<'h>,
    requests: Option<ChildStdin>,
    replies: ChildStdout,
    complaints: Option<ChildStderr>,
    buffer: Vec<u8>,
    greeted: bool,
    task: Option<(Task, Nonce)>,
    patience: Instant,
    /// What it said last was no answer.
    nonsense: bool,
}

impl Worker<'_> {
    /// Lets it end: without requests it kills what its library left and goes. One that does not go is stopped or stuck.
    fn end(&mut self) -> std::io::Result<ExitStatus> {
        self.requests = None;
        self.process.resume();
        self.process.wait_for(if self.greeted { PARTING } else { 0 });
        self.process.end()
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if !self.process.has_ended() {
            let _ = self.end();
        }
    }
}

impl<'a> Pool<'a> {
    fn run(&mut self, paths: &[Vec<u8>]) {
        let mut workers: Vec<Worker<'a>> = Vec::new();
        loop {
            let busy = workers.iter().filter(|worker| worker.task.is_some() || !worker.greeted).count();
            if self.queue.is_empty() && busy == 0 || self.failures >= START_FAILURES {
                return;
            }
            let wanted = self.options.workers.max(1).min(self.queue.len() + busy);
            while workers.len() < wanted && self.failures < START_FAILURES {
                match self.start() {
                    Ok(worker) => workers.push(worker),
                    Err(why) => self.failed(format!("the helper cannot be started: {why}")),
                }
            }
            for worker in workers.iter_mut().filter(|worker| worker.greeted && worker.task.is_none()) {
                self.give(worker, paths);
            }
            let ready = wait(&workers);
            let now = Instant::now();
            let mut kept = Vec::with_capacity(workers.len());
            for (mut worker, ready) in workers.into_iter().zip(ready) {
                let idle = worker.greeted && worker.task.is_none();
                let alive = if ready { self.hear(&mut worker) } else { idle || now < worker.patience };
                if alive { kept.push(worker) } else { self.bury(worker, !ready) }
            }
            workers = kept;
        }
    }

    fn start(&self) -> std::io::Result<Worker<'a>> {
        let mut command = self.options.helper.command(self.options.loader.as_ref())?;
        command.args([OsStr::from_bytes(wire::SERVE.to_bytes()), OsStr::new("")]);
        command.env_clear().envs(self.options.env.iter().map(|(k, v)| (k, v)));
        command.current_dir(&self.options.cwd);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(&mut command, self.options.household)?;
        let (Some(mut requests), Some(replies), complaints) = process.streams() else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        // A helper that cannot start leaves a broken pipe; what it said is read when it is buried.
        let _ = requests.write_all(&self.setup);
        Ok(Worker {
            process,
            requests: Some(requests),
            replies,
            complaints,
            buffer: Vec::new(),
            greeted: false,
            task: None,
            nonsense: false,
            patience: Instant::now() + DEADLINE + GRACE,
        })
    }

    /// Gives the next task to an idle helper.
    fn give(&mut self, worker: &mut Worker<'_>, paths: &[Vec<u8>]) {
        while let Some(task) = self.queue.pop_front() {
            let path = paths.get(task.index).map(Vec::as_slice).unwrap_or_default();
            let mut nonce = Nonce::default();
            if !random::fill(&mut nonce) {
                self.answer(
                    task,
                    ProbeOutcome::NotRun { reason: "no random numbers".into() },
                    Details::default(),
                );
                continue;
            }
            let flags = if self.options.close { wire::CLOSE } else { 0 }
                | if self.options.lazy { wire::LAZY } else { 0 };
            let deadline = u32::try_from(self.options.deadline.as_millis()).unwrap_or(u32::MAX / 2).max(1);
            // A bare name would be searched for, an empty one is the program itself.
            let request = Some(path)
                .filter(|p| p.contains(&b'/'))
                .and_then(|p| protocol::request(&nonce, deadline, flags, p));
            let Some(request) = request else {
                self.answer(
                    task,
                    ProbeOutcome::NotRun { reason: "not a path that can be asked for".into() },
                    Details::default(),
                );
                continue;
            };
            worker.task = Some((task, nonce));
            worker.patience = Instant::now() + self.options.deadline + GRACE;
            // If the helper is gone, its end of the replies says so.
            if let Some(requests) = &mut worker.requests {
                let _ = requests.write_all(&request);
            }
            return;
        }
    }

    /// Reads what a helper says; false if it is not to be trusted or not there any more.
    fn hear(&mut self, worker: &mut Worker<'_>) -> bool {
        worker.nonsense = true;
        let mut chunk = [0; 16 << 10];
        match worker.replies.read(&mut chunk) {
            Ok(n) if n > 0 => worker.buffer.extend(chunk.iter().take(n)),
            _ => {
                worker.nonsense = false;
                return false;
            }
        }
        if !worker.greeted {
            let Some((word, rest)) = worker.buffer.split_first_chunk::<4>() else { return true };
            if *word != wire::MAGIC.to_ne_bytes() || !rest.is_empty() {
                return false;
            }
            worker.greeted = true;
            worker.buffer.clear();
            return true;
        }
        match protocol::reply(&worker.buffer) {
            Head::Partial => true,
            Head::Nonsense => false,
            Head::Whole(reply, len) => {
                let Some((task, nonce)) = worker.task else { return false };
                if reply.nonce != nonce || len != worker.buffer.len() {
                    return false;
                }
                if reply.kind == wire::HURT && !task.again {
                    // An earlier library hurt the helper: this one gets a fresh one.
                    return false;
                }
                worker.task = None;
                worker.buffer.clear();
                let (outcome, details) = ProbeOutcome::of(reply);
                self.failures = 0;
                self.answer(task, outcome, details);
                true
            }
        }
    }

    /// A helper died, was silent for too long or talked nonsense. What it was probing gets a second, fresh helper; then it is blamed.
    fn bury(&mut self, mut worker: Worker<'a>, silent: bool) {
        let status = worker.end();
        if let Some(household) = self.options.household {
            household.sweep();
        }
        let Some((task, _)) = worker.task.take() else {
            // One that had its say before was killed by what an earlier library left.
            if !worker.greeted {
                self.never_greeted(worker, status);
            }
            return;
        };
        if !task.again && !silent {
            self.queue.push_front(Task { again: true, ..task });
            return;
        }
        let outcome = match status {
            _ if silent => ProbeOutcome::TimedOut,
            _ if worker.nonsense => {
                ProbeOutcome::NotRun { reason: "the library spoiled the helper's answers".to_owned() }
            }
            // The probed process dies with its helper, of the same signal.
            Ok(status) => match status.signal() {
                Some(signal) => ProbeOutcome::Crashed { signal },
                None => ProbeOutcome::NotRun {
                    reason: format!("the helper ended while it watched the library ({status})"),
                },
            },
            Err(error) => ProbeOutcome::NotRun { reason: error.to_string() },
        };
        self.answer(task, outcome, Details { attacked_helper: true, ..Details::default() });
    }

    fn never_greeted(&mut self, mut worker: Worker<'a>, status: std::io::Result<ExitStatus>) {
        let mut text = String::new();
        if let Some(complaints) = worker.complaints.take() {
            let _ = complaints.take(2000).read_to_string(&mut text);
        }
        let end = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        let text = text.trim();
        let colon = if text.is_empty() { "" } else { ": " };
        self.failed(format!("the helper does not start ({end}){colon}{text}"));
    }

    fn failed(&mut self, why: String) {
        self.failures += 1;
        self.last_failure = why;
    }

    fn answer(&mut self, task: Task, outcome: ProbeOutcome, details: Details) {
        if let Some(answer) = self.answers.get_mut(task.index) {
            *answer = Some((outcome, details));
        }
    }
}

/// Sleeps until a helper says something or the first patience ends; tells who has something to say.
fn wait(workers: &[Worker<'_>]) -> Vec<bool> {
    let now = Instant::now();
    let first = workers
        .iter()
        .filter(|w| w.task.is_some() || !w.greeted)
        .map(|w| w.patience.saturating_duration_since(now))
        .min();
    let pause = first.unwrap_or(Duration::ZERO) + Duration::from_millis(1);
    let pause = Timespec {
        tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(pause.subsec_nanos()),
    };
    let mut fds: Vec<PollFd<'_>> =
        workers.iter().map(|w| PollFd::from_borrowed_fd(w.replies.as_fd(), PollFlags::IN)).collect();
    // An interruption is a round in which nobody says anything.
    let heard = poll(&mut fds, Some(&pause)).is_ok();
    fds.iter().map(|fd| heard && !fd.revents().is_empty()).collect()
}

#[cfg(test)]
mod tests;
