//! Under which conditions libraries are probed: helper, deadline, environment, user, limits, sandbox.
//! It must never take anything from our own environment that is not on the allow-list.
//! The probed process is the loader model's reference process, as far as a real one can be (glibc elf/rtld.c, setrlimit(2)).

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::helper::Helper;
use super::pool::Household;
use super::protocol::Frame;
use super::sandbox::{Rules, Sandbox};

/// The deadline of a library if nothing else is said.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// The address space of a library if nothing else is said, in bytes: more than the largest sanitizer reserves (20 TiB).
pub const ADDRESS_SPACE: u64 = 32 << 40;
/// What the probed process may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of private writable memory.
    pub data: u64,
    /// Bytes of address space. Sanitizers and engines reserve terabytes and use little of them, so it is no measure of memory.
    pub address_space: u64,
    /// Bytes of the longest file written.
    pub file_size: u64,
    /// Descriptors.
    pub files: u64,
    /// Processes and threads of the user.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            data: 2 << 30,
            address_space: ADDRESS_SPACE,
            file_size: 256 << 20,
            files: 1024,
            processes: 8192,
        }
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
    /// Takes in what helpers leave when a library ends them, if this process does that.
    pub household: Option<&'a Household>,
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
            household: None,
        }
    }

    pub(super) fn frame(&self, rules: &Rules) -> Frame {
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        // With all processors at work the deadline comes first; this limit is for what escapes it. It ends with its own signal,
        // and only for those who ignore that with another.
        let seconds = self.deadline.as_secs().saturating_add(2).saturating_mul(cpus);
        let same = |resource, value| (resource, value, value);
        let limits = [
            same(libc::RLIMIT_CORE, 0),
            same(libc::RLIMIT_DATA, self.limits.data),
            same(libc::RLIMIT_AS, self.limits.address_space),
            same(libc::RLIMIT_FSIZE, self.limits.file_size),
            same(libc::RLIMIT_NOFILE, self.limits.files),
            same(libc::RLIMIT_NPROC, self.limits.processes),
            (libc::RLIMIT_CPU, seconds, seconds.saturating_add(5)),
        ];
        #[cfg_attr(all(target_os = "linux", target_env = "gnu"), expect(clippy::unnecessary_cast))]
        let limits = limits.into_iter().map(|(resource, soft, hard)| (resource as u32, soft, hard)).collect();
        Frame {
            strict: self.sandbox == Sandbox::Strict,
            user: self.user,
            ruleset: rules.ruleset.as_ref().map(AsRawFd::as_raw_fd),
            filter: rules.filter.clone(),
            spare: rules.spare.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::helper::{HelperRequest, resolve};

    #[test]
    fn the_processors_limit_lies_behind_the_deadline_and_warns_first() {
        let Ok(helper) = resolve(&HelperRequest::default()) else { return };
        let options = ProbeOptions::new(&helper, "/".into());
        let frame = options.frame(&Rules::default());
        let cpus = std::thread::available_parallelism().unwrap().get() as u64;
        let of =
            |wanted: i64| *frame.limits.iter().find(|(resource, ..)| i64::from(*resource) == wanted).unwrap();
        let (_, soft, hard) = of(i64::from(libc::RLIMIT_CPU));
        assert!(soft > options.deadline.as_secs() * cpus && hard > soft);
        let (_, soft, hard) = of(i64::from(libc::RLIMIT_AS));
        assert_eq!((soft, hard), (ADDRESS_SPACE, ADDRESS_SPACE));
        assert!(frame.limits.len() <= crate::loader::protocol::wire::LIMIT_CAP);
    }
}
