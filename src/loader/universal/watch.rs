//! The process beside the library's: it waits, and when the time is over nothing of the library is left.
//! It must never wait for anything but its child, its deadline and the end of those it works for.
//! Follows proc(5), prctl(2), pidfd_open(2), clock_getcpuclockid(3) and waitpid(2).

use core::ffi::c_int;
use core::ptr;

use super::probe::{End, Output};
use super::sys;
#[cfg(target_os = "linux")]
use super::sys::linux::*;
use super::wire::*;

/// Makes this process fit to watch others: orphans come to it, and nobody of its user may look into it.
pub fn become_watcher() -> u32 {
    // SAFETY: back to the default, which is 0. Whoever ignores the signal never learns how a child ended.
    unsafe { sys::signal(sys::SIGCHLD, 0) };
    #[cfg(target_os = "linux")]
    // SAFETY: these options take numbers only.
    unsafe {
        sys::prctl(PR_SET_DUMPABLE, 0);
        let reaper = sys::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        let privs = sys::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
        (if reaper { SUBREAPER } else { 0 }) | if privs { NO_NEW_PRIVS } else { 0 }
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// Waits until the child ends or its time is over, takes its output, then kills all that is left of it. False if `lifeline`
/// ended meanwhile. `courteous`: whoever used much of the processors lets others go first.
pub fn watch(
    pid: c_int,
    out: c_int,
    lifeline: c_int,
    deadline_ms: u32,
    courteous: bool,
    output: &mut Output,
) -> (End, bool) {
    let end = sys::now() + u64::from(deadline_ms) * 1000;
    let (mut status, mut late, mut wanted, mut nice) = (0, false, true, 0);
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
            sys::PollFd { fd: lifeline, events: 0, revents: 0 },
        ];
        let (mut ended, mut collected) = (false, false);
        while !ended && !late && wanted {
            let left = end.saturating_sub(sys::now()).div_ceil(1000);
            late = left == 0;
            let step = if pidfd < 0 { left.min(2) } else { left };
            let refused =
                sys::poll(fds.as_mut_ptr(), 3, if courteous { step.min(25) } else { step } as c_int) < 0;
            if refused {
                // A library took away our limit of descriptors. A pause needs none.
                sys::poll(ptr::null_mut(), 0, 1);
            }
            if fds[1].revents != 0 && !drain(out, output) {
                fds[1].fd = -1;
            }
            wanted = fds[2].revents == 0;
            if courteous && STEPS.get(nice).is_some_and(|step| processor_time(pid) > *step) {
                nice += 1;
                sys::setpriority(sys::PRIO_PGRP, pid as u32, nice as c_int * 6);
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
        late = !ended;
        if !collected {
            sys::kill(pid, sys::SIGKILL);
            // A stopped child of ours that we trace is reported too; only its end counts.
            while sys::waitpid(pid, &raw mut status, 0) == pid && status & 0xff == 0x7f {}
        }
        sys::close(pidfd);
        drain(out, output);
    }
    kill_orphans();
    (if late { None } else { Some(status) }, wanted)
}

/// Microseconds of processor time behind which a library is nice, nicer, nicest.
const STEPS: [u64; 3] = [60_000, 150_000, 400_000];

/// Microseconds of processor time a process has used, as far as that can be known.
fn processor_time(pid: c_int) -> u64 {
    // The kernel's number of the processor clock of a process; only Linux has it.
    if cfg!(target_os = "linux") { sys::clock(!pid << 3 | 2) } else { 0 }
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
