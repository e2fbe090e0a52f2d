//! One library in one forked process: set the process up, open the library, tell how it went, leave nothing behind.
//! It must never believe an exit status: a result is in the shared page, and only behind the nonce of its request.
//! Follows proc(5), prctl(2), pidfd_open(2) and waitpid(2).

use core::ffi::{CStr, c_int, c_void};
use core::ptr;

use super::wire::*;
use super::{dl, sys};
#[cfg(target_os = "linux")]
use sys::linux::*;

/// What all probes of a helper have in common.
pub struct Frame {
    pub setup: Setup,
    pub filter: [u64; FILTER_CAP],
    pub before: [u8; BEFORE_CAP],
    /// Memory of others that the probed process must not see: start and length.
    pub hidden: (*mut c_void, usize),
}

/// The page the child answers on; a fresh one for each probe, so that a process that survives cannot answer for the next.
#[repr(C)]
pub struct Page {
    nonce: [u8; 16],
    phase: u32,
    kind: u32,
    in_force: u32,
    open_us: u32,
    message_len: u32,
    message: [u8; MESSAGE_CAP],
}

/// What the library wrote to its standard streams.
pub struct Output {
    pub bytes: [u8; OUTPUT_CAP],
    pub len: usize,
}

impl Frame {
    /// No sandbox, no limits but those that keep the machine usable.
    pub fn plain() -> Frame {
        let mut limits = [Limit { resource: NO_LIMIT, pad: 0, value: 0 }; 6];
        // RLIMIT_CORE, and 4 GiB of RLIMIT_DATA: one library must not take the memory of the others.
        limits[0].resource = 4;
        limits[1] = Limit { resource: 2, pad: 0, value: 4 << 30 };
        let setup = Setup {
            magic: MAGIC,
            version: VERSION,
            flags: 0,
            uid: u32::MAX,
            gid: u32::MAX,
            ruleset: -1,
            filter_len: 0,
            before_len: 0,
            limits,
        };
        Frame { setup, filter: [0; FILTER_CAP], before: [0; BEFORE_CAP], hidden: (ptr::null_mut(), 0) }
    }
}

/// Makes this process fit to watch others: orphans come to it, and nobody of its user may look into it.
pub fn become_watcher() -> u32 {
    #[cfg(target_os = "linux")]
    // SAFETY: these options take numbers only.
    unsafe {
        sys::prctl(PR_SET_PDEATHSIG, sys::SIGKILL);
        sys::prctl(PR_SET_DUMPABLE, 0);
        let reaper = sys::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        let privs = sys::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
        (if reaper { SUBREAPER } else { 0 }) | if privs { NO_NEW_PRIVS } else { 0 }
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// Takes a reply, the loader's message and what the library printed.
type Tell<'t> = dyn FnMut(&Reply, &[u8], &[u8]) + 't;

/// Probes one library. The message goes to `tell` with the reply, before the page is given back.
pub fn probe(
    frame: &Frame,
    request: &Request,
    path: &CStr,
    watcher: u32,
    output: &mut Output,
    tell: &mut Tell<'_>,
) {
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
    let (page, pid) = unsafe {
        let page: *mut Page =
            sys::mmap(ptr::null_mut(), size_of::<Page>(), 3, sys::SHARED_ANONYMOUS, -1, 0).cast();
        if page as isize == -1 {
            return tell(&reply, b"", b"");
        }
        let piped = sys::pipe(out.as_mut_ptr()) == 0 && sys::pipe(none.as_mut_ptr()) == 0;
        sys::close(none[1]);
        let me = sys::getpid();
        let pid = if piped { sys::fork() } else { -1 };
        if pid == 0 {
            child(frame, request, path, watcher, page, [none[0], out[1]], me);
        }
        sys::setpgid(pid, pid);
        sys::close(out[1]);
        sys::close(none[0]);
        (page, pid)
    };
    if pid > 0 {
        let (status, late) = watch(pid, out[0], request.deadline_ms, output);
        // SAFETY: the page is mapped; another process may still write to it, so each field is read once.
        let (nonce, kind, in_force) = unsafe {
            reply.phase = match ptr::read_volatile(&raw const (*page).phase) {
                // Only the libraries that come first can end the process there.
                BEFORE if frame.setup.before_len == 0 => OPENING,
                phase => phase,
            };
            reply.open_us = ptr::read_volatile(&raw const (*page).open_us);
            reply.message_len = ptr::read_volatile(&raw const (*page).message_len).min(MESSAGE_CAP as u32);
            (
                ptr::read_volatile(&raw const (*page).nonce),
                ptr::read_volatile(&raw const (*page).kind),
                ptr::read_volatile(&raw const (*page).in_force),
            )
        };
        reply.in_force |= in_force;
        (reply.kind, reply.code) = match (nonce == request.nonce, late) {
            (true, _) => (kind, 0),
            (_, true) => (TIMED_OUT, 0),
            _ if status & 0x7f != 0 => (CRASHED, (status & 0x7f) as u32),
            _ => (EXITED, (status >> 8 & 0xff) as u32),
        };
        if nonce != request.nonce {
            reply.message_len = 0;
        }
    }
    reply.output_len = output.len as u32;
    // SAFETY: the length was bounded by the size of the array; what the bytes are does not matter.
    let message = unsafe {
        core::slice::from_raw_parts((&raw const (*page).message).cast::<u8>(), reply.message_len as usize)
    };
    tell(&reply, if pid > 0 { message } else { b"" }, output.bytes.get(..output.len).unwrap_or_default());
    // SAFETY: `message` was used for the last time.
    unsafe {
        sys::close(out[0]);
        sys::munmap(page.cast(), size_of::<Page>());
    }
}

/// Waits until the child ends or its time is over, takes its output, then kills all that is left of it.
fn watch(pid: c_int, out: c_int, deadline_ms: u32, output: &mut Output) -> (c_int, bool) {
    let end = sys::now() + u64::from(deadline_ms) * 1000;
    let (mut status, mut late) = (0, false);
    // SAFETY: all calls take numbers, or memory that lives in this function.
    unsafe {
        #[cfg(target_os = "linux")]
        let pidfd = sys::syscall(PIDFD_OPEN, pid, 0) as c_int;
        #[cfg(not(target_os = "linux"))]
        let pidfd = -1;
        sys::fcntl(out, sys::F_SETFL, sys::O_NONBLOCK);
        let mut fds = [
            sys::PollFd { fd: pidfd, events: sys::POLLIN, revents: 0 },
            sys::PollFd { fd: out, events: sys::POLLIN, revents: 0 },
        ];
        let (mut ended, mut collected) = (false, false);
        while !ended && !late {
            let left = end.saturating_sub(sys::now()).div_ceil(1000);
            late = left == 0;
            let step = if pidfd < 0 { left.min(2) } else { left };
            let refused = sys::poll(fds.as_mut_ptr(), 2, step as c_int) < 0;
            if refused {
                // A library took away our limit of descriptors. A pause needs none.
                sys::poll(ptr::null_mut(), 0, 1);
            }
            if fds[1].revents != 0 && !drain(out, output) {
                fds[1].fd = -1;
            }
            // Without a pidfd the child is collected at once, and its number may be another's when the group is killed.
            ended = if pidfd < 0 || refused {
                collected = sys::waitpid(pid, &raw mut status, sys::WNOHANG) == pid;
                collected
            } else {
                fds[0].revents != 0
            };
        }
        sys::kill(-pid, sys::SIGKILL);
        late &= !ended;
        if !collected {
            sys::kill(pid, sys::SIGKILL);
            // A stopped child of ours that we trace is reported too; only its end counts.
            while sys::waitpid(pid, &raw mut status, 0) == pid && status & 0xff == 0x7f {}
        }
        sys::close(pidfd);
        drain(out, output);
    }
    kill_orphans();
    (status, late)
}

/// Takes what is there, keeps the beginning; false at the end.
fn drain(out: c_int, output: &mut Output) -> bool {
    // Small enough for the part of the stack that is always there: a library may have taken away the memory for more.
    let mut buffer = [0_u8; 32 << 10];
    for _ in 0..64 {
        // SAFETY: the buffer is writable for its length.
        let n = unsafe { sys::read(out, buffer.as_mut_ptr().cast(), buffer.len()) };
        if n <= 0 {
            return n < 0;
        }
        for (to, from) in output.bytes.iter_mut().skip(output.len).zip(buffer.iter().take(n as usize)) {
            *to = *from;
        }
        output.len = (output.len + n as usize).min(OUTPUT_CAP);
    }
    true
}

/// Kills what fled from its process group: as their reaper we are now its parent.
pub fn kill_orphans() {
    for round in 0..500 {
        let mut status = 0;
        // SAFETY: numbers, and a status that lives here.
        match unsafe { sys::waitpid(-1, &raw mut status, sys::WNOHANG) } {
            0 => {}
            n if n < 0 => return,
            _ => continue,
        }
        let mut buffer = [0_u8; 4096];
        // SAFETY: the path ends with NUL, the buffer is writable for its length.
        let n = unsafe {
            let fd = sys::open(c"/proc/thread-self/children".as_ptr(), 0);
            let n = sys::read(fd, buffer.as_mut_ptr().cast(), buffer.len());
            sys::close(fd);
            sys::poll(ptr::null_mut(), 0, c_int::from(round > 0));
            n
        };
        let mut pid = 0;
        for byte in buffer.iter().take(n.max(0) as usize) {
            if byte.is_ascii_digit() {
                pid = pid * 10 + c_int::from(byte - b'0');
            } else if pid > 1 {
                // SAFETY: a child of ours that nobody has collected: the number is still its own.
                unsafe { sys::kill(pid, sys::SIGKILL) };
                pid = 0;
            }
        }
    }
}

/// The probed process.
///
/// # Safety
/// Only in a process just forked from a single thread; `page` must be mapped and shared with the parent.
unsafe fn child(
    frame: &Frame,
    request: &Request,
    path: &CStr,
    watcher: u32,
    page: *mut Page,
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
        let confined = confine(frame, parent, me);
        let in_force = confined.unwrap_or_default();
        (*page).in_force = in_force;
        let wanted = if frame.setup.ruleset >= 0 { LANDLOCK } else { 0 }
            | if frame.setup.filter_len > 0 { SECCOMP } else { 0 };
        // Pointers into the page, taken once: the parent reads it while we write.
        let (phase, answer, nonce) = (&raw mut (*page).phase, &raw mut (*page).kind, &raw mut (*page).nonce);
        let (opened, length) = (&raw mut (*page).open_us, &raw mut (*page).message_len);
        let text_at: *mut u8 = (&raw mut (*page).message).cast();
        let finish = |kind: u32| {
            answer.write_volatile(kind);
            nonce.write_volatile(request.nonce);
        };
        let say = |text: &[u8]| {
            let n = text.len().min(MESSAGE_CAP);
            ptr::copy_nonoverlapping(text.as_ptr(), text_at, n);
            length.write_volatile(n as u32);
        };
        if confined.is_none() {
            say(b"the user of the probed process cannot be changed");
            finish(NOT_RUN);
            sys::_exit(0);
        }
        if frame.setup.flags & STRICT != 0
            && ((in_force | watcher) & (wanted | NO_NEW_PRIVS)) != wanted | NO_NEW_PRIVS
        {
            say(b"the sandbox could not be put in force");
            finish(NOT_RUN);
            sys::_exit(0);
        }
        phase.write_volatile(BEFORE);
        let mut before = frame.before.get(..frame.setup.before_len as usize).unwrap_or_default();
        while let Ok(first) = CStr::from_bytes_until_nul(before) {
            let Some(opened) = dl::open(first, false, true) else {
                dl::error(say);
                finish(NOT_RUN);
                sys::_exit(0);
            };
            core::mem::forget(opened);
            before = before.get(first.to_bytes_with_nul().len()..).unwrap_or_default();
        }
        phase.write_volatile(OPENING);
        let start = sys::now();
        let library = dl::open(path, request.flags & LAZY != 0, false);
        // A constructor may have forked, and this may be the copy: it has nothing to say.
        if sys::getpid() != me {
            sys::_exit(0);
        }
        opened.write_volatile(sys::now().wrapping_sub(start) as u32);
        let Some(library) = library else {
            dl::error(say);
            finish(REFUSED);
            sys::_exit(0);
        };
        if request.flags & CLOSE != 0 {
            phase.write_volatile(CLOSING);
            if !dl::close(library) && sys::getpid() == me {
                dl::error(say);
                finish(REFUSED);
                sys::_exit(0);
            }
        }
        if sys::getpid() == me {
            finish(LOADED);
        }
        sys::_exit(0);
    }
}

/// Takes all powers away that were asked to be taken; tells which are gone, or nothing if the user cannot be changed.
///
/// # Safety
/// Only in a process just forked from a single thread: it cannot be undone.
unsafe fn confine(frame: &Frame, parent: c_int, me: c_int) -> Option<u32> {
    let mut in_force = LIMITS;
    // SAFETY: called in the forked child, with numbers and memory of this function.
    unsafe {
        #[cfg(target_os = "linux")]
        {
            sys::prctl(PR_SET_PDEATHSIG, sys::SIGKILL);
            sys::prctl(PR_SET_DUMPABLE, 1);
            if frame.setup.ruleset >= 0 && sys::syscall(LANDLOCK_RESTRICT_SELF, frame.setup.ruleset, 0) == 0 {
                in_force |= LANDLOCK;
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
        for limit in frame.setup.limits.iter().filter(|l| l.resource != NO_LIMIT) {
            let pair = [limit.value; 2];
            if sys::setrlimit(limit.resource as c_int, &raw const pair) != 0 {
                in_force &= !LIMITS;
            }
        }
        if frame.setup.uid != u32::MAX {
            sys::setgroups(0, ptr::null());
            if sys::setgid(frame.setup.gid) != 0 || sys::setuid(frame.setup.uid) != 0 {
                return None;
            }
        }
        #[cfg(target_os = "linux")]
        if frame.setup.filter_len > 0 {
            // An instruction is code, two jumps and, in the upper half, its number.
            let mut filter = frame.filter;
            for instruction in &mut filter {
                if (*instruction >> 32) as u32 == OWN_PID {
                    *instruction = *instruction & 0xffff_ffff | (me as u64) << 32;
                }
            }
            #[repr(C)]
            struct Program(u16, *const u64);
            let program = Program(frame.setup.filter_len as u16, filter.as_ptr());
            if sys::prctl(PR_SET_SECCOMP, 2, (&raw const program).cast::<c_void>()) == 0 {
                in_force |= SECCOMP;
            }
        }
    }
    Some(in_force)
}
