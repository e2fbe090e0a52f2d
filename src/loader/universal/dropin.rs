//! Drop-in mode: paths as arguments, one JSON array in their order on standard output.
//! It must never let one library delay or change the answer for another, whatever it does.
//! tsuku's helper protocol: `path`, `ok`, and `error` when it is not ok; the whole call ends within 5 s for 50 paths.

use core::ffi::{CStr, c_int};
use core::ptr;

use super::probe::{self, Frame, Output};
use super::wire::*;
use super::{sys, watch};

/// Time for a window of paths, and how many that is: tsuku kills a batch of 50 after 5 s.
const BUDGET_US: u64 = 4_300_000;
const WINDOW: usize = 50;
/// A watcher that is so late was stopped.
const LATE_US: u64 = 200_000;
/// A probe younger than this holds a place; an older one is taken to hang and lets the next start.
const YOUNG_US: u64 = 10_000;
const PLACES: usize = 2;

/// One path's answer, in memory shared with the process that finds it.
#[repr(C)]
struct Answer {
    kind: u32,
    code: u32,
    phase: u32,
    len: u32,
    message: [u8; MESSAGE_CAP],
}

/// Loads each path in a process of its own; true if all are ok.
pub fn run(path_of: &dyn Fn(usize) -> &'static CStr, count: usize) -> bool {
    let len = size_of::<Answer>() * WINDOW;
    // SAFETY: fresh memory; checked before it is used.
    let answers: *mut Answer =
        unsafe { sys::mmap(ptr::null_mut(), len, 3, sys::SHARED_ANONYMOUS, -1, 0).cast() };
    watch::become_watcher();
    let mut all = true;
    sys::write_all(1, b"[");
    for start in (0..count).step_by(WINDOW) {
        let window = Window {
            path_of,
            start,
            answers,
            len,
            // SAFETY: takes nothing.
            top: unsafe { sys::getpid() },
            end: sys::now() + BUDGET_US,
        };
        let count = (count - start).min(WINDOW);
        let mapped = answers as isize != -1;
        if mapped {
            window.answer(count);
        }
        for index in 0..count {
            // SAFETY: inside the mapping; those who could write to it were killed.
            let answer = mapped.then(|| unsafe { &*answers.add(index) });
            all &= tell(start + index, path_of(start + index), answer);
        }
    }
    sys::write_all(1, b"]\n");
    all
}

/// One entry of the array; without memory there is no answer. True if it is ok.
fn tell(index: usize, path: &CStr, answer: Option<&Answer>) -> bool {
    sys::write_all(1, if index == 0 { b"{\"path\":\"" } else { b",{\"path\":\"" });
    escape(path.to_bytes());
    let ok = answer.is_some_and(|answer| answer.kind == LOADED);
    if ok {
        sys::write_all(1, b"\",\"ok\":true}");
        return ok;
    }
    sys::write_all(1, b"\",\"ok\":false,\"error\":\"");
    match answer {
        Some(answer) => describe(answer),
        None => escape(NO_MEANS),
    }
    sys::write_all(1, b"\"}");
    ok
}

const NO_MEANS: &[u8] = b"not run: out of memory, descriptors or processes";

/// Up to `WINDOW` paths that share one time.
struct Window<'p> {
    path_of: &'p dyn Fn(usize) -> &'static CStr,
    start: usize,
    answers: *mut Answer,
    len: usize,
    /// The process that writes the array.
    top: c_int,
    end: u64,
}

impl Window<'_> {
    /// Finds the answers for the first `count` paths: all side by side, and should a library manage to end that, each of
    /// those that have none alone.
    fn answer(&self, count: usize) {
        for index in 0..count {
            // SAFETY: inside the mapping, and nobody else has it now.
            unsafe { (*self.answers.add(index)).kind = 0 };
        }
        if self.beside(0, count) {
            return;
        }
        for index in 0..count {
            // SAFETY: inside the mapping, and nobody else has it now.
            if unsafe { (*self.answers.add(index)).kind } == 0 && sys::now() < self.end {
                self.beside(index, 1);
            }
        }
    }

    /// Does the work in a process of its own, which has a session of its own: no library is in a terminal's reach, and this
    /// process not in a library's. False if that process did not come to its end.
    fn beside(&self, first: usize, count: usize) -> bool {
        let (mut line, mut status) = ([-1; 2], 0);
        // SAFETY: one thread, so the copy is whole; the arrays are writable.
        unsafe {
            sys::pipe(line.as_mut_ptr());
            let pid = sys::fork();
            if pid == 0 {
                sys::close(line[1]);
                sys::setsid();
                watch::become_watcher();
                self.work(first, count, line[0]);
                watch::kill_orphans();
                sys::_exit(0);
            }
            sys::close(line[0]);
            if pid < 0 {
                for index in first..first + count {
                    (*self.answers.add(index)).kind = HURT;
                }
            }
            if pid > 0 && sys::waitpid(pid, &raw mut status, 0) != pid {
                status = -1;
            }
            sys::close(line[1]);
        }
        watch::kill_orphans();
        status == 0
    }

    /// Probes side by side, each under a watcher of its own that kills exactly what its library leaves.
    fn work(&self, first: usize, count: usize, line: c_int) {
        let (mut pids, mut born) = ([0; WINDOW], [0_u64; WINDOW]);
        let (mut next, mut last) = (0, self.end + LATE_US);
        let mut lines = [sys::PollFd { fd: line, events: 0, revents: 0 }];
        loop {
            let now = sys::now();
            let (mut live, mut young) = (0, 0);
            for (pid, born) in pids.iter_mut().zip(&born).filter(|(pid, _)| **pid > 0) {
                // SAFETY: our own child, and no status is asked for.
                let ended = unsafe {
                    // A library that stops its watcher stops its clock too.
                    if now > last {
                        sys::kill(*pid, sys::SIGKILL);
                    }
                    sys::waitpid(*pid, ptr::null_mut(), sys::WNOHANG) != 0
                };
                if ended {
                    *pid = 0;
                    continue;
                }
                live += 1;
                young += usize::from(now - *born < YOUNG_US);
            }
            if live == 0 && next == count {
                return;
            }
            if young >= PLACES || next == count {
                // SAFETY: one descriptor: a pause that ends with the process above.
                unsafe { sys::poll(lines.as_mut_ptr(), 1, 1) };
                if lines[0].revents != 0 {
                    // The watchers see it too. Nothing new is begun.
                    (next, last, lines[0].fd) = (count, now + LATE_US, -1);
                }
                continue;
            }
            // SAFETY: one thread, so the copy is whole; the answer is inside the mapping.
            let pid = unsafe {
                let pid = sys::fork();
                if pid == 0 {
                    self.ask(first + next, line);
                }
                if pid < 0 {
                    (*self.answers.add(first + next)).kind = HURT;
                }
                pid
            };
            if let (Some(slot), Some(time)) = (pids.get_mut(next), born.get_mut(next)) {
                (*slot, *time) = (pid.max(0), now);
            }
            next += 1;
        }
    }

    /// Runs in a watcher process: probes one library and notes the answer.
    fn ask(&self, index: usize, line: c_int) -> ! {
        let path = (self.path_of)(self.start + index);
        // SAFETY: this path's answer is inside the shared mapping, and this process is its only writer.
        let finish = |kind: u32, code: u32, phase: u32, message: &[u8]| unsafe {
            let to = self.answers.add(index);
            ptr::copy_nonoverlapping(message.as_ptr(), (&raw mut (*to).message).cast(), message.len());
            ((*to).code, (*to).phase, (*to).len, (*to).kind) = (code, phase, message.len() as u32, kind);
        };
        // SAFETY: takes nothing.
        let above = unsafe { sys::getppid() };
        if path.is_empty() {
            finish(REFUSED, 0, OPENING, b"empty path");
        } else {
            let watcher = watch::become_watcher();
            let mut output = Output { bytes: [0; OUTPUT_CAP], len: 0 };
            let left = self.end.saturating_sub(sys::now()) / 1000;
            // The page is fresh and this process asks once: the nonce only has to differ from zeros.
            let mut request = Request {
                nonce: [1; 16],
                deadline_ms: left.max(20) as u32,
                flags: CLOSE,
                path_len: 0,
                pad: 0,
            };
            for (byte, by) in request.nonce.iter_mut().zip([3, 1, 5, 7, 2, 6, 4, 8]) {
                *byte = (sys::now() >> by) as u8;
            }
            // The library must not see the answers, its own or the others'.
            let hidden = (self.answers.cast(), self.len);
            let frame = Frame { hidden, spared: Some([self.top, above]), lifeline: line, ..Frame::plain() };
            probe::probe(&frame, &request, path, watcher, &mut output, &mut |reply, message, _| {
                finish(reply.kind, reply.code, reply.phase, message);
            });
        }
        // SAFETY: ends this process only.
        unsafe { sys::_exit(0) }
    }
}

/// The reason in words, into the JSON string that is open.
fn describe(answer: &Answer) {
    let say = |text: &[u8]| {
        sys::write_all(1, text);
    };
    let number = |mut n: u32| {
        let mut digits = [b'0'; 10];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (n % 10) as u8;
            n /= 10;
            used += 1;
            if n == 0 {
                break;
            }
        }
        say(digits.get(10 - used..).unwrap_or_default());
    };
    let text = answer.message.get(..answer.len as usize).unwrap_or_default();
    match answer.kind {
        REFUSED if answer.phase == CLOSING => {
            say(b"dlclose failed: ");
            escape(text);
        }
        REFUSED => escape(text),
        CRASHED => {
            say(b"the library crashed: signal ");
            number(answer.code);
        }
        EXITED => {
            say(b"the library ended the process: exit status ");
            number(answer.code);
        }
        TIMED_OUT => say(b"the library did not finish loading in time"),
        HURT => say(NO_MEANS),
        NOT_RUN => {
            say(b"not run: ");
            escape(text);
        }
        _ => say(b"the library killed the process that watches it"),
    }
    if answer.phase == CLOSING && matches!(answer.kind, CRASHED | EXITED | TIMED_OUT) {
        say(b" (while it was unloaded)");
    }
}

/// JSON string contents; a byte that is not UTF-8 becomes U+FFFD.
fn escape(text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        let mut from = 0;
        for (at, byte) in valid.iter().enumerate() {
            if *byte >= b' ' && !matches!(byte, b'"' | b'\\' | 0x7f) {
                continue;
            }
            sys::write_all(1, valid.get(from..at).unwrap_or_default());
            let hex = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
            sys::write_all(1, &[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            from = at + 1;
        }
        sys::write_all(1, valid.get(from..).unwrap_or_default());
        if !chunk.invalid().is_empty() {
            sys::write_all(1, b"\\ufffd");
        }
    }
}
