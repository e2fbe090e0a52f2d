//! One library in one forked process: what is asked, and what the answer is worth.
//! It must never believe an exit status, nor what a library could have written where only this program writes.
//! Follows waitpid(2) and mmap(2); the process itself is in `child.rs`, the waiting in `watch.rs`.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;

use super::child::child;
use super::sys;
use super::watch::watch;
use super::wire::*;

/// What all probes of a helper have in common.
pub struct Frame {
    pub setup: Setup,
    pub filter: [u64; FILTER_CAP],
    pub before: [u8; BEFORE_CAP],
    /// Memory of others that the probed process must not see: start and length.
    pub hidden: (*mut c_void, usize),
    /// Processes above the watcher that the probed one must not signal; none if that is the sandbox's affair.
    pub spared: Option<[c_int; 2]>,
    /// A stream that ends when nobody waits for the answers any more.
    pub lifeline: c_int,
}

/// Where the child answers; fresh memory for each probe, so that a process that survives cannot answer for the next.
/// The library can write here too, so it is believed of this library only.
#[repr(C)]
pub struct Page {
    pub nonce: [u8; 16],
    pub phase: u32,
    pub kind: u32,
    pub open_us: u32,
    pub message_len: u32,
    pub message: [u8; MESSAGE_CAP],
}

/// What the child tells before the library has run: it lies behind the page, and the child gives it back before it opens
/// the library. Only what is opened first could write here.
#[repr(C)]
pub struct Stage {
    pub reached: u32,
    pub in_force: u32,
    /// Nothing was loaded, for the reason in the message.
    pub not_run: u32,
    pub message_len: u32,
    pub message: [u8; MESSAGE_CAP],
}

/// No machine has larger pages.
pub const STAGE_AT: usize = 64 << 10;
const _: () = assert!(size_of::<Page>() <= STAGE_AT && size_of::<Stage>() <= STAGE_AT);

/// What the library wrote to its standard streams.
pub struct Output {
    pub bytes: [u8; OUTPUT_CAP],
    pub len: usize,
}

impl Frame {
    /// No sandbox, no limits but those that keep the machine usable.
    pub fn plain() -> Frame {
        const LINUX: bool = cfg!(target_os = "linux");
        const G: u64 = 1 << 30;
        // Core files, processor time, private memory, length of files, descriptors, processes.
        const LIMITS: [(u32, u64); 6] = [
            (4, 0),
            (0, 120),
            (2, 4 * G),
            (1, G / 4),
            (if LINUX { 7 } else { 8 }, 1024),
            (if LINUX { 6 } else { 7 }, 8192),
        ];
        let mut limits = [Limit { resource: NO_LIMIT, pad: 0, soft: 0, hard: 0 }; LIMIT_CAP];
        for (limit, (resource, value)) in limits.iter_mut().zip(LIMITS) {
            (limit.resource, limit.soft, limit.hard) = (resource, value, value);
        }
        let setup = Setup {
            magic: MAGIC,
            version: VERSION,
            flags: 0,
            uid: u32::MAX,
            gid: u32::MAX,
            ruleset: -1,
            filter_len: 0,
            before_len: 0,
            spare_at: 0,
            spare_len: 0,
            limits,
        };
        Frame {
            setup,
            filter: [0; FILTER_CAP],
            before: [0; BEFORE_CAP],
            hidden: (ptr::null_mut(), 0),
            spared: None,
            lifeline: -1,
        }
    }
}

/// Takes a reply, the loader's message and what the library printed.
pub type Tell<'t> = dyn FnMut(&Reply, &[u8], &[u8]) + 't;

/// Probes one library. The message goes to `tell` with the reply, before the memory is given back. False if nobody waits for
/// the answer any more.
pub fn probe(
    frame: &Frame,
    request: &Request,
    path: &CStr,
    watcher: u32,
    output: &mut Output,
    tell: &mut Tell<'_>,
) -> bool {
    let mut reply = Reply {
        nonce: request.nonce,
        // No memory, no descriptors or no process to be had: an earlier library may have seen to that.
        kind: HURT,
        code: 0,
        phase: STARTING,
        in_force: watcher,
        open_us: 0,
        message_len: 0,
        output_len: 0,
        pad: 0,
    };
    output.len = 0;
    let (mut out, mut none) = ([-1; 2], [-1; 2]);
    // SAFETY: fresh memory, shared with the child only; the arrays are writable; in the child `child` never returns.
    let (page, stage, pid) = unsafe {
        let page: *mut Page =
            sys::mmap(ptr::null_mut(), 2 * STAGE_AT, 3, sys::SHARED_ANONYMOUS, -1, 0).cast();
        if page as isize == -1 {
            tell(&reply, b"", b"");
            return true;
        }
        let stage: *mut Stage = page.byte_add(STAGE_AT).cast();
        let piped = sys::pipe(out.as_mut_ptr()) == 0 && sys::pipe(none.as_mut_ptr()) == 0;
        sys::close(none[1]);
        let me = sys::getpid();
        let pid = if piped { sys::fork() } else { -1 };
        if pid == 0 {
            child(frame, request, path, watcher, (page, stage), [none[0], out[1]], me);
        }
        sys::setpgid(pid, pid);
        sys::close(out[1]);
        sys::close(none[0]);
        (page, stage, pid)
    };
    let (mut text, mut wanted): (*const u8, bool) = (ptr::null(), true);
    if pid > 0 {
        let end;
        (end, wanted) =
            watch(pid, out[0], frame.lifeline, request.deadline_ms, frame.spared.is_some(), output);
        // SAFETY: both are mapped; another process may still write there, so each field is read once.
        unsafe {
            let told = Told {
                reached: (&raw const (*stage).reached).read_volatile(),
                not_run: (&raw const (*stage).not_run).read_volatile() != 0,
                answered: (&raw const (*page).nonce).read_volatile() == request.nonce,
                kind: (&raw const (*page).kind).read_volatile(),
                phase: (&raw const (*page).phase).read_volatile(),
            };
            reply.in_force |= (&raw const (*stage).in_force).read_volatile();
            reply.open_us = (&raw const (*page).open_us).read_volatile();
            (reply.kind, reply.code, reply.phase) = judged(&told, end);
            let len;
            (text, len) = match reply.kind {
                NOT_RUN => {
                    ((&raw const (*stage).message).cast(), (&raw const (*stage).message_len).read_volatile())
                }
                REFUSED => {
                    ((&raw const (*page).message).cast(), (&raw const (*page).message_len).read_volatile())
                }
                _ => (text, 0),
            };
            reply.message_len = len.min(MESSAGE_CAP as u32);
        }
    }
    reply.output_len = output.len as u32;
    let mut message: &[u8] = b"";
    if !text.is_null() {
        // SAFETY: the length was bounded by the size of the array; what the bytes are does not matter.
        message = unsafe { core::slice::from_raw_parts(text, reply.message_len as usize) };
    }
    tell(&reply, message, output.bytes.get(..output.len).unwrap_or_default());
    // SAFETY: `message` was used for the last time.
    unsafe {
        sys::close(out[0]);
        sys::munmap(page.cast(), 2 * STAGE_AT);
    }
    wanted
}

/// What lies in the shared memory when the process has ended.
pub struct Told {
    pub reached: u32,
    pub not_run: bool,
    /// The answer has the nonce of the request.
    pub answered: bool,
    pub kind: u32,
    pub phase: u32,
}

/// Wait status of the process; none if it had to be killed at its deadline.
pub type End = Option<c_int>;

/// Kind, code and phase of the reply. An answer counts if it is one a library can have, and the process that gave it ended
/// as it ends behind an answer; anything else is how the library ended its process.
pub fn judged(told: &Told, end: End) -> (u32, u32, u32) {
    let started = told.reached == OPENING;
    let phase = match (started, told.phase) {
        (true, CLOSING) => CLOSING,
        (true, _) => OPENING,
        (false, _) => told.reached.min(BEFORE),
    };
    let (kind, code) = match end {
        None => (TIMED_OUT, 0),
        Some(0) if started && told.answered && matches!(told.kind, LOADED | REFUSED) => (told.kind, 0),
        Some(0) if !started && told.not_run => (NOT_RUN, 0),
        Some(status) if status & 0x7f != 0 => (CRASHED, status & 0x7f),
        Some(status) => (EXITED, status >> 8 & 0xff),
    };
    (kind, code as u32, phase)
}
