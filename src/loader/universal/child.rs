//! The probed process: it gives up its powers, opens the library and tells how that went.
//! It must never hold a descriptor, a stream or a terminal of anybody's, nor memory in which another's answer lies.
//! Follows fork(2), prctl(2), setrlimit(2), landlock(7) and seccomp(2).

#[cfg(target_os = "linux")]
use core::ffi::c_void;
use core::ffi::{CStr, c_int};
use core::ptr;

use super::probe::{Frame, Page, STAGE_AT, Stage};
#[cfg(target_os = "linux")]
use super::sys::linux::*;
use super::wire::*;
use super::{dl, sys};

/// # Safety
/// Only in a process just forked from a single thread; both places must be mapped and shared with the parent.
pub unsafe fn child(
    frame: &Frame,
    request: &Request,
    path: &CStr,
    watcher: u32,
    (page, stage): (*mut Page, *mut Stage),
    streams: [c_int; 2],
    parent: c_int,
) -> ! {
    // SAFETY: the caller's promise; all pointers are to live memory of this process.
    unsafe {
        let me = sys::getpid();
        if frame.hidden.1 > 0 {
            sys::munmap(frame.hidden.0, frame.hidden.1);
        }
        sys::setpgid(0, 0);
        sys::dup2(streams[0], 0);
        sys::dup2(streams[1], 1);
        sys::dup2(streams[1], 2);
        // Pointers into both places, taken once: the parent reads them while we write.
        let (reached, not_run) = (&raw mut (*stage).reached, &raw mut (*stage).not_run);
        let (why, why_len) = (&raw mut (*stage).message, &raw mut (*stage).message_len);
        let reason = |text: &[u8]| {
            copy(text, why, why_len);
            not_run.write_volatile(1);
        };
        let confined = confine(frame, parent, me);
        let in_force = confined.unwrap_or_default();
        (&raw mut (*stage).in_force).write_volatile(in_force);
        let wanted = NO_NEW_PRIVS
            | LIMITS
            | if frame.setup.ruleset >= 0 { LANDLOCK } else { 0 }
            | if frame.setup.filter_len > 0 { SECCOMP } else { 0 };
        let strict = frame.setup.flags & STRICT != 0;
        if confined.is_none() || strict && (in_force | watcher) & wanted != wanted {
            reason(if strict {
                b"the sandbox, or the user of the probed process, could not be put in force"
            } else {
                b"the user of the probed process cannot be changed"
            });
            sys::_exit(0);
        }
        let mut before = frame.before.get(..frame.setup.before_len as usize).unwrap_or_default();
        if !before.is_empty() {
            reached.write_volatile(BEFORE);
        }
        while let Ok(first) = CStr::from_bytes_until_nul(before) {
            let Some(opened) = dl::open(first, false, true) else {
                dl::error(reason);
                sys::_exit(0);
            };
            core::mem::forget(opened);
            before = before.get(first.to_bytes_with_nul().len()..).unwrap_or_default();
        }
        // From here on the library's word counts for itself only.
        reached.write_volatile(OPENING);
        sys::munmap(stage.cast(), STAGE_AT);
        let (phase, answer, nonce) = (&raw mut (*page).phase, &raw mut (*page).kind, &raw mut (*page).nonce);
        let (text, text_len) = (&raw mut (*page).message, &raw mut (*page).message_len);
        let say = |sentence: &[u8]| copy(sentence, text, text_len);
        let finish = |kind: u32| -> ! {
            // A constructor may have forked, and this may be the copy: it has nothing to say.
            if sys::getpid() == me {
                answer.write_volatile(kind);
                nonce.write_volatile(request.nonce);
            }
            sys::_exit(0)
        };
        let start = sys::now();
        let library = dl::open(path, request.flags & LAZY != 0, false);
        if sys::getpid() != me {
            sys::_exit(0);
        }
        (&raw mut (*page).open_us).write_volatile(sys::now().wrapping_sub(start) as u32);
        let Some(library) = library else {
            dl::error(say);
            finish(REFUSED)
        };
        if request.flags & CLOSE != 0 {
            phase.write_volatile(CLOSING);
            if !dl::close(library) {
                if sys::getpid() == me {
                    dl::error(say);
                }
                finish(REFUSED)
            }
        }
        finish(LOADED)
    }
}

/// As much of a text as there is room for.
///
/// # Safety
/// Both must be writable.
unsafe fn copy(text: &[u8], to: *mut [u8; MESSAGE_CAP], length: *mut u32) {
    let n = text.len().min(MESSAGE_CAP);
    // SAFETY: the caller's promise; the text is no part of what is written.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), n);
        length.write_volatile(n as u32);
    }
}

/// Takes all powers away that were asked to be taken; tells which are gone, or nothing if the user cannot be changed.
///
/// # Safety
/// Only in a process just forked from a single thread: it cannot be undone.
unsafe fn confine(frame: &Frame, parent: c_int, me: c_int) -> Option<u32> {
    // Only a filter of Linux has to know it.
    let _ = me;
    let mut in_force = LIMITS;
    let setup = &frame.setup;
    // SAFETY: called in the forked child, with numbers and memory of this function.
    unsafe {
        #[cfg(target_os = "linux")]
        {
            sys::prctl(PR_SET_PDEATHSIG, sys::SIGKILL);
            sys::prctl(PR_SET_DUMPABLE, 1);
            // If memory runs out, it is this process that has to go: what it shares is in no limit.
            let score = sys::open(c"/proc/self/oom_score_adj".as_ptr(), 1);
            sys::write(score, b"1000".as_ptr().cast(), 4);
            if setup.ruleset >= 0 && sys::syscall(LANDLOCK_RESTRICT_SELF, setup.ruleset, 0) == 0 {
                in_force |= LANDLOCK;
            }
            if let Some(spared) = frame.spared {
                spare([spared[0], spared[1], parent]);
            }
        }
        if sys::getppid() != parent {
            sys::_exit(0);
        }
        #[cfg(target_os = "linux")]
        let closed = sys::syscall(CLOSE_RANGE, 3, u32::MAX, 0) == 0;
        #[cfg(not(target_os = "linux"))]
        let closed = false;
        for fd in if closed { 0..0 } else { 3..1024 } {
            sys::close(fd);
        }
        for limit in setup.limits.iter().filter(|l| l.resource != NO_LIMIT) {
            let resource = limit.resource as c_int;
            let mut pair = [u64::MAX; 2];
            sys::getrlimit(resource, &raw mut pair);
            // The signal of the processor's limit comes before the end only if there is time between.
            let hard = pair[1].min(limit.hard);
            pair = [limit.soft.min(if resource == 0 { hard.saturating_sub(1).max(1) } else { hard }), hard];
            if sys::setrlimit(resource, &raw const pair) != 0 {
                in_force &= !LIMITS;
            }
        }
        if setup.uid != u32::MAX {
            sys::setgroups(0, ptr::null());
            if sys::setgid(setup.gid) != 0 || sys::setuid(setup.uid) != 0 {
                return None;
            }
        }
        #[cfg(target_os = "linux")]
        if setup.filter_len > 0 {
            let (spare_at, mut kept) = (setup.spare_at as usize, 0);
            let spare =
                if in_force & LANDLOCK != 0 { spare_at..spare_at + setup.spare_len as usize } else { 0..0 };
            let mut filter = frame.filter;
            for index in (0..setup.filter_len as usize).filter(|index| !spare.contains(index)) {
                if let (Some(from), Some(to)) = (frame.filter.get(index), filter.get_mut(kept)) {
                    // An instruction is code, two jumps and, in the upper half, its number.
                    *to = if (from >> 32) as u32 == OWN_PID {
                        from & 0xffff_ffff | (me as u64) << 32
                    } else {
                        *from
                    };
                    kept += 1;
                }
            }
            if install(&filter, kept) {
                in_force |= SECCOMP;
            }
        }
    }
    Some(in_force)
}

/// Puts a seccomp program in force.
///
/// # Safety
/// As `confine`.
#[cfg(target_os = "linux")]
unsafe fn install(filter: &[u64], len: usize) -> bool {
    #[repr(C)]
    struct Program(u16, *const u64);
    let program = Program(len as u16, filter.as_ptr());
    // SAFETY: the program and the instructions live through the call.
    unsafe { sys::prctl(PR_SET_SECCOMP, 2, (&raw const program).cast::<c_void>()) == 0 }
}

/// Keeps signals away from the processes above, and from everybody at once: what hits them costs the others their answers.
/// Landlock keeps all signals inside; where it does not know them yet, those processes are named to seccomp.
///
/// # Safety
/// As `confine`.
#[cfg(target_os = "linux")]
unsafe fn spare(above: [c_int; 3]) {
    const SCOPE_SIGNALS: u64 = 2;
    let attributes = [0, 0, SCOPE_SIGNALS];
    // SAFETY: numbers and memory that live here.
    unsafe {
        let ruleset =
            sys::syscall(LANDLOCK_CREATE_RULESET, &raw const attributes, size_of_val(&attributes), 0);
        if ruleset >= 0 && sys::syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0 {
            return;
        }
        const fn op(code: u64, yes: u64, no: u64, k: u32) -> u64 {
            code | yes << 16 | no << 24 | (k as u64) << 32
        }
        const fn equal(k: c_int, yes: u64) -> u64 {
            op(0x15, yes, 0, k as u32)
        }
        // kill, tkill, tgkill, rt_sigqueueinfo.
        const CALLS: [c_int; 4] =
            if cfg!(target_arch = "aarch64") { [129, 130, 131, 138] } else { [62, 200, 234, 129] };
        let [a, b, c] = above;
        let filter = [
            op(0x20, 0, 0, 0),
            equal(CALLS[0], 4),
            equal(CALLS[1], 3),
            equal(CALLS[2], 2),
            equal(CALLS[3], 1),
            op(0x06, 0, 0, 0x7fff_0000),
            // To whom: everybody, one of them, or the group of the session's first.
            op(0x20, 0, 0, 16),
            equal(-1, 6),
            equal(a, 5),
            equal(b, 4),
            equal(c, 3),
            equal(-a, 2),
            equal(-b, 1),
            op(0x06, 0, 0, 0x7fff_0000),
            // EPERM.
            op(0x06, 0, 0, 0x0005_0001),
        ];
        install(&filter, filter.len());
    }
}
