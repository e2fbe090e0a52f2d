//! The C library as the helper sees it, declared by hand: no crate and no symbol version stands between.
//! It must never declare a function whose old and new versions differ, because the oldest is what gets bound.
//! Values are those of the Linux kernel on x86-64 and aarch64, and of macOS for the portable helper.
#![allow(dead_code, missing_docs)] // Two programs include this file, and neither uses all of it.

#[cfg(target_os = "linux")]
use core::ffi::c_long;
use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

#[repr(C)]
pub struct PollFd {
    pub fd: c_int,
    pub events: i16,
    pub revents: i16,
}

/// `long` and `long`, as on every 64-bit machine.
#[repr(C)]
pub struct TimeSpec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

unsafe extern "C" {
    pub fn _exit(status: c_int) -> !;
    pub fn fork() -> c_int;
    pub fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn signal(number: c_int, handler: usize) -> usize;
    pub fn setpgid(pid: c_int, group: c_int) -> c_int;
    pub fn setsid() -> c_int;
    pub fn getpid() -> c_int;
    pub fn getppid() -> c_int;
    pub fn setgroups(count: usize, list: *const u32) -> c_int;
    pub fn setgid(gid: u32) -> c_int;
    pub fn setuid(uid: u32) -> c_int;
    pub fn poll(fds: *mut PollFd, count: c_ulong, ms: c_int) -> c_int;
    pub fn pipe(fds: *mut c_int) -> c_int;
    pub fn dup2(old: c_int, new: c_int) -> c_int;
    pub fn close(fd: c_int) -> c_int;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    pub fn read(fd: c_int, to: *mut c_void, len: usize) -> isize;
    pub fn write(fd: c_int, from: *const c_void, len: usize) -> isize;
    pub fn mmap(
        at: *mut c_void,
        len: usize,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    pub fn munmap(at: *mut c_void, len: usize) -> c_int;
    pub fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> c_int;
    pub fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    pub fn setpriority(which: c_int, who: c_uint, nice: c_int) -> c_int;
    pub fn clock_gettime(clock: c_int, to: *mut TimeSpec) -> c_int;
    pub fn strlen(text: *const c_char) -> usize;
    #[cfg(target_os = "linux")]
    pub fn prctl(option: c_int, ...) -> c_int;
    #[cfg(target_os = "linux")]
    pub fn syscall(number: c_long, ...) -> c_long;
}

pub const WNOHANG: c_int = 1;
pub const PRIO_PGRP: c_int = 1;
pub const SIGKILL: c_int = 9;
pub const SIGCHLD: c_int = if cfg!(target_os = "linux") { 17 } else { 20 };
pub const POLLIN: i16 = 1;
pub const SHARED_ANONYMOUS: c_int = if cfg!(target_os = "linux") { 0x21 } else { 0x1001 };
pub const O_NONBLOCK: c_int = if cfg!(target_os = "linux") { 0o4000 } else { 4 };
pub const F_SETFL: c_int = 4;
pub const CLOCK_MONOTONIC: c_int = if cfg!(target_os = "linux") { 1 } else { 6 };

#[cfg(target_os = "linux")]
pub mod linux {
    use super::{c_int, c_long};
    pub const PR_SET_PDEATHSIG: c_int = 1;
    pub const PR_SET_DUMPABLE: c_int = 4;
    pub const PR_SET_SECCOMP: c_int = 22;
    pub const PR_SET_CHILD_SUBREAPER: c_int = 36;
    pub const PR_SET_NO_NEW_PRIVS: c_int = 38;
    pub const PIDFD_OPEN: c_long = 434;
    pub const CLOSE_RANGE: c_long = 436;
    pub const LANDLOCK_CREATE_RULESET: c_long = 444;
    pub const LANDLOCK_RESTRICT_SELF: c_long = 446;
}

/// Microseconds of a clock that nobody sets.
pub fn now() -> u64 {
    clock(CLOCK_MONOTONIC)
}

/// Microseconds of any clock; 0 if there is none of that number.
pub fn clock(number: c_int) -> u64 {
    let mut t = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `t` is writable and has the layout the call expects.
    unsafe { clock_gettime(number, &raw mut t) };
    t.seconds as u64 * 1_000_000 + t.nanoseconds as u64 / 1000
}

/// Reads exactly `len` bytes; false at the end of the stream.
///
/// # Safety
/// `to` must be writable for `len` bytes.
pub unsafe fn read_all(fd: c_int, to: *mut u8, len: usize) -> bool {
    let mut done = 0;
    while done < len {
        // SAFETY: the caller's promise, less what is already filled.
        match unsafe { read(fd, to.add(done).cast(), len - done) } {
            n if n > 0 => done += n as usize,
            _ => return false,
        }
    }
    true
}

/// Writes all of it; false if nobody reads any more.
pub fn write_all(fd: c_int, mut from: &[u8]) -> bool {
    while !from.is_empty() {
        // SAFETY: the pointer and the length are those of a live slice.
        match unsafe { write(fd, from.as_ptr().cast(), from.len()) } {
            n if n > 0 => from = from.get(n as usize..).unwrap_or_default(),
            _ => return false,
        }
    }
    true
}
