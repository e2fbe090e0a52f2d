//! What travels between the main program and a helper, in the machine's own byte order: both ends run on it.
//! It must never hold a pointer or a type whose layout could differ between the two builds.
//! One setup, then one request and one reply in turn; a reply without its request's nonce is not a reply.
#![allow(dead_code)] // Two programs include this file, and neither uses all of it.

/// First of the two arguments that ask for serve mode. The other is empty, so that no list of paths looks like it.
pub const SERVE: &core::ffi::CStr = c"--serve";

/// First word of a setup, and of the greeting that answers it.
pub const MAGIC: u32 = 0x7473_6b76;
/// Both ends must have the same.
pub const VERSION: u32 = 2;

/// Longest path, longest list of libraries opened first, longest seccomp program in instructions.
pub const PATH_CAP: usize = 16 << 10;
pub const BEFORE_CAP: usize = 16 << 10;
pub const FILTER_CAP: usize = 512;
/// Longest message and longest captured output of a library.
pub const MESSAGE_CAP: usize = 16 << 10;
pub const OUTPUT_CAP: usize = 4 << 10;

/// A `resource` that is not there.
pub const NO_LIMIT: u32 = u32::MAX;
/// A number in the seccomp program that stands for the probed process.
pub const OWN_PID: u32 = 0x5e1f_91d0;

/// Setup flag: what cannot be put in force stops the probe.
pub const STRICT: u32 = 1;
/// Request flags: close the library again; bind lazily.
pub const CLOSE: u32 = 1;
pub const LAZY: u32 = 2;

/// How it ended.
pub const LOADED: u32 = 1;
pub const REFUSED: u32 = 2;
pub const CRASHED: u32 = 3;
pub const EXITED: u32 = 4;
pub const TIMED_OUT: u32 = 5;
pub const NOT_RUN: u32 = 6;
/// The helper cannot work any more; nothing was tried.
pub const HURT: u32 = 7;

/// Where it was.
pub const STARTING: u32 = 0;
pub const BEFORE: u32 = 1;
pub const OPENING: u32 = 2;
pub const CLOSING: u32 = 3;

/// What was in force.
pub const NO_NEW_PRIVS: u32 = 1;
pub const LANDLOCK: u32 = 2;
pub const SECCOMP: u32 = 4;
pub const LIMITS: u32 = 8;
pub const SUBREAPER: u32 = 16;

/// As many resource limits fit into a setup.
pub const LIMIT_CAP: usize = 8;

/// A resource limit. Where the process may have less than that, it has less.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Limit {
    pub resource: u32,
    pub pad: u32,
    pub soft: u64,
    pub hard: u64,
}

/// Sent once; `filter_len` instructions of 8 bytes and `before_len` bytes (each path ends with NUL) follow.
/// `spare_len` instructions from `spare_at` on are left out where Landlock is in force, which does their work then.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Setup {
    pub magic: u32,
    pub version: u32,
    pub flags: u32,
    pub uid: u32,
    pub gid: u32,
    pub ruleset: i32,
    pub filter_len: u32,
    pub before_len: u32,
    pub spare_at: u32,
    pub spare_len: u32,
    pub limits: [Limit; LIMIT_CAP],
}

/// Sent for each library; `path_len` bytes follow, the last of them NUL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Request {
    pub nonce: [u8; 16],
    pub deadline_ms: u32,
    pub flags: u32,
    pub path_len: u32,
    pub pad: u32,
}

/// The answer; `message_len` and then `output_len` bytes follow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Reply {
    pub nonce: [u8; 16],
    pub kind: u32,
    pub code: u32,
    pub phase: u32,
    pub in_force: u32,
    pub open_us: u32,
    pub message_len: u32,
    pub output_len: u32,
    pub pad: u32,
}
