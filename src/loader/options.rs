//! Under which conditions libraries are probed: helper, deadline, environment, user, limits, sandbox.
//! It must never take anything from our own environment that is not on the allow-list.
//! The probed process is the loader model's reference process, as far as a real one can be (glibc elf/rtld.c, setrlimit(2)).

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::helper::Helper;
use super::protocol::Frame;
use super::sandbox::{Rules, Sandbox};

/// The deadline of a library if nothing else is said.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// What the probed process may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of private writable memory.
    pub data: u64,
    /// Bytes of address space; sanitizers reserve many terabytes, so it is rarely useful.
    pub address_space: Option<u64>,
    /// Bytes of the longest file written.
    pub file_size: u64,
    /// Descriptors.
    pub files: u64,
    /// Processes and threads of the user.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { data: 2 << 30, address_space: None, file_size: 256 << 20, files: 1024, processes: 8192 }
    }
}

/// Under which conditions libraries are probed.
#[derive(Debug)]
pub struct ProbeOptions<'a> {
    /// Who probes.
    pub helper: &'a Helper,
    /// Helper processes side by side.
    pub workers: usize,
    /// Time for one library.
    pub deadline: Duration,
    /// The whole environment of the probed process, as in the loader model.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its user and group, if not ours.
    pub user: Option<(u32, u32)>,
    /// Libraries opened first with RTLD_GLOBAL.
    pub preloaded: Vec<Vec<u8>>,
    /// Powers taken away.
    pub sandbox: Sandbox,
    /// Another loader to run under, with arguments for it.
    pub loader: Option<(PathBuf, Vec<OsString>)>,
    /// Resource limits.
    pub limits: Limits,
    /// Close each library again, and count what happens there.
    pub close: bool,
    /// RTLD_LAZY instead of RTLD_NOW.
    pub lazy: bool,
}

impl<'a> ProbeOptions<'a> {
    /// As a plain program started here by this user: no environment, all protections that can be had.
    pub fn new(helper: &'a Helper, cwd: PathBuf) -> ProbeOptions<'a> {
        ProbeOptions {
            helper,
            workers: 1,
            deadline: DEADLINE,
            env: Vec::new(),
            cwd,
            user: None,
            preloaded: Vec::new(),
            sandbox: Sandbox::Auto,
            loader: None,
            limits: Limits::default(),
            close: false,
            lazy: false,
        }
    }

    pub(super) fn frame(&self, rules: &Rules) -> Frame {
        let seconds = self.deadline.as_secs().saturating_add(2);
        let mut limits = vec![
            (libc::RLIMIT_CORE, 0),
            (libc::RLIMIT_DATA, self.limits.data),
            (libc::RLIMIT_FSIZE, self.limits.file_size),
            (libc::RLIMIT_NOFILE, self.limits.files),
            // Several threads may be busy at once; the deadline is the real limit, this one is for what escapes it.
            (libc::RLIMIT_CPU, seconds.saturating_mul(4)),
        ];
        limits.push(match self.limits.address_space {
            Some(bytes) => (libc::RLIMIT_AS, bytes),
            None => (libc::RLIMIT_NPROC, self.limits.processes),
        });
        #[cfg_attr(all(target_os = "linux", target_env = "gnu"), expect(clippy::unnecessary_cast))]
        let limits = limits.into_iter().map(|(resource, value)| (resource as u32, value)).collect();
        Frame {
            strict: self.sandbox == Sandbox::Strict,
            user: self.user,
            ruleset: rules.ruleset.as_ref().map(AsRawFd::as_raw_fd),
            filter: rules.filter.clone(),
            before: self.preloaded.iter().flat_map(|path| path.iter().copied().chain([0])).collect(),
            limits,
        }
    }
}

/// The variables of ours that a probed process may see: the allow-list.
pub fn allowed(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] =
        &[b"PATH", b"HOME", b"LANG", b"LANGUAGE", b"TZ", b"TERM", b"USER", b"LOGNAME", b"SHELL"];
    NAMES.contains(&name) || name.starts_with(b"LC_")
}

/// Pairs of bytes as the environment of a process.
pub fn environment(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<(OsString, OsString)> {
    pairs.into_iter().map(|(name, value)| (OsString::from_vec(name), OsString::from_vec(value))).collect()
}
