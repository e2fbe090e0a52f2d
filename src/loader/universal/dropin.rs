//! Drop-in mode: paths as arguments, one JSON array in their order on standard output.
//! It must never let one library delay or change the answer for another, whatever it does.
//! tsuku's helper protocol: `path`, `ok`, and `error` when it is not ok; the whole call ends within 5 s for 50 paths.

use core::ffi::{CStr, c_void};
use core::ptr;

use super::probe::{self, Frame, Output};
use super::sys;
use super::wire::*;

/// Time for a window of paths, and how many that is: tsuku kills a batch of 50 after 5 s.
const BUDGET_US: u64 = 4_300_000;
const WINDOW: usize = 50;
/// A watcher that is so late was stopped.
const LATE_US: u64 = 200_000;
/// A probe younger than this holds a place; an older one is taken to hang and lets the next start.
const YOUNG_US: u64 = 150_000;
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
    let len = size_of::<Answer>() * count;
    // SAFETY: fresh memory; checked before it is used.
    let answers: *mut Answer =
        unsafe { sys::mmap(ptr::null_mut(), len, 3, sys::SHARED_ANONYMOUS, -1, 0).cast() };
    if answers as isize == -1 {
        return false;
    }
    probe::become_watcher();
    for start in (0..count).step_by(WINDOW) {
        window(path_of, start, (count - start).min(WINDOW), answers, (answers.cast(), len));
    }
    let mut all = true;
    sys::write_all(1, b"[");
    for index in 0..count {
        sys::write_all(1, if index == 0 { b"{\"path\":\"" } else { b",{\"path\":\"" });
        escape(path_of(index).to_bytes());
        // SAFETY: inside the mapping; those who could write to it were killed.
        let answer = unsafe { &*answers.add(index) };
        all &= answer.kind == LOADED;
        if answer.kind == LOADED {
            sys::write_all(1, b"\",\"ok\":true}");
            continue;
        }
        sys::write_all(1, b"\",\"ok\":false,\"error\":\"");
        describe(answer);
        sys::write_all(1, b"\"}");
    }
    sys::write_all(1, b"]\n");
    probe::kill_orphans();
    all
}

/// Up to `WINDOW` probes side by side, each under a watcher of its own that kills exactly what its library leaves.
fn window(
    path_of: &dyn Fn(usize) -> &'static CStr,
    start: usize,
    count: usize,
    answers: *mut Answer,
    all: (*mut c_void, usize),
) {
    let end = sys::now() + BUDGET_US;
    let (mut pids, mut born) = ([0; WINDOW], [0_u64; WINDOW]);
    let mut next = 0;
    loop {
        let now = sys::now();
        let (mut live, mut young) = (0, 0);
        for (pid, born) in pids.iter_mut().zip(&born).filter(|(pid, _)| **pid > 0) {
            // SAFETY: our own child, and no status is asked for.
            let ended = unsafe {
                // A library that stops its watcher stops its clock too.
                if now > end + LATE_US {
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
            // SAFETY: no descriptors: a pause.
            unsafe { sys::poll(ptr::null_mut(), 0, 1) };
            continue;
        }
        // SAFETY: one thread, so the copy is whole; the answer is inside the mapping.
        let pid = unsafe {
            let pid = sys::fork();
            if pid == 0 {
                let left = end.saturating_sub(sys::now()) / 1000;
                ask(path_of(start + next), left.max(20) as u32, answers.add(start + next), all);
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
fn ask(path: &CStr, deadline_ms: u32, to: *mut Answer, all: (*mut c_void, usize)) -> ! {
    // SAFETY: `to` is this path's answer in the shared mapping, and this process is its only writer.
    let finish = |kind: u32, code: u32, phase: u32, message: &[u8]| unsafe {
        ptr::copy_nonoverlapping(message.as_ptr(), (&raw mut (*to).message).cast(), message.len());
        ((*to).code, (*to).phase, (*to).len, (*to).kind) = (code, phase, message.len() as u32, kind);
    };
    if path.is_empty() {
        finish(REFUSED, 0, OPENING, b"empty path");
        // SAFETY: ends this process only.
        unsafe { sys::_exit(0) }
    }
    let watcher = probe::become_watcher();
    let mut output = Output { bytes: [0; OUTPUT_CAP], len: 0 };
    // The page is fresh and this process asks once: the nonce only has to differ from zeros.
    let mut request = Request { nonce: [1; 16], deadline_ms, flags: CLOSE, path_len: 0, pad: 0 };
    for (byte, by) in request.nonce.iter_mut().zip([3, 1, 5, 7, 2, 6, 4, 8]) {
        *byte = (sys::now() >> by) as u8;
    }
    // The library must not see the answers, its own or the others'.
    let frame = Frame { hidden: all, ..Frame::plain() };
    probe::probe(&frame, &request, path, watcher, &mut output, &mut |reply, message, _| {
        finish(reply.kind, reply.code, reply.phase, message);
    });
    // SAFETY: ends this process only.
    unsafe { sys::_exit(0) }
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
        HURT => say(b"not run: out of memory, descriptors or processes"),
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
