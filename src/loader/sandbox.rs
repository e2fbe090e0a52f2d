//! Which powers the probed process loses: changing files, the network, other processes; and where all is asked for, programs too.
//! `auto` must never take what fails on no ordinary machine, because then nobody checks for it: forking and starting programs stay,
//! read-only disks and missing networks are known to everybody. Reading files and making threads always stay.
//! Follows landlock(7) and seccomp(2); the rules are made here and put in force by the helper, in the forked child only.

use std::os::fd::OwnedFd;

/// How much of the sandbox is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// What the kernel offers, as far as libraries that mean no harm do not notice.
    #[default]
    Auto,
    /// Nothing.
    Off,
    /// All of it, or nothing is probed.
    Strict,
}

/// Made rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// Landlock.
    pub ruleset: Option<OwnedFd>,
    /// Seccomp program.
    pub filter: Vec<u64>,
}

impl Sandbox {
    /// The rules, or none if all of them are wanted and one cannot be had here.
    pub fn rules(self) -> Option<Rules> {
        if self == Sandbox::Off {
            return Some(Rules::default());
        }
        let strict = self == Sandbox::Strict;
        let landlock = super::seal::landlock_ruleset(strict);
        // Where Landlock keeps signals inside, processes the library starts may still signal themselves and each other.
        let signals_kept = landlock.as_ref().is_some_and(|landlock| landlock.signals_kept);
        let filter = filter(strict, signals_kept && !strict);
        let whole = landlock.is_some() && !filter.is_empty();
        (!strict || whole).then(|| Rules { ruleset: landlock.map(|landlock| landlock.ruleset), filter })
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn filter(strict: bool, signals_kept: bool) -> Vec<u64> {
    seccomp::program(strict, signals_kept)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn filter(_strict: bool, _signals_kept: bool) -> Vec<u64> {
    Vec::new()
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod seccomp {
    use crate::loader::protocol::wire::OWN_PID;

    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const AT_LEAST: u16 = 0x35;
    const ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const ERRNO: u32 = 0x0005_0000;
    #[cfg(target_arch = "x86_64")]
    const ARCH: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const ARCH: u32 = 0xc000_00b7;
    /// Offsets in the record the kernel shows: number, architecture, lower half of an argument.
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    const fn argument(index: u32) -> u32 {
        16 + 8 * index
    }

    /// Refused where all is: other programs, and processes that are no threads.
    const REFUSED_STRICTLY: &[i64] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_setsid,
        libc::SYS_socketpair,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork,
    ];
    /// Signals with no easy way to see whom they are for; refused where nothing else keeps signals inside.
    const SIGNALS: &[i64] = &[
        libc::SYS_pidfd_send_signal,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_tkill,
    ];
    /// The bits of `clone` that ask for new namespaces.
    const NAMESPACES: u32 = 0x7e02_0000;

    /// Refused whatever the arguments are.
    const REFUSED: &[i64] = &[
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_bpf,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_acct,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
        libc::SYS_utimensat,
        libc::SYS_mknodat,
        libc::SYS_truncate,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_io_uring_setup,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_quotactl,
        libc::SYS_fanotify_init,
        libc::SYS_setpriority,
        libc::SYS_ioprio_set,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chown,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lchown,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_utime,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_utimes,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_futimesat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mknod,
    ];

    fn op(code: u16, yes: u8, no: u8, k: u32) -> u64 {
        u64::from(code) | u64::from(yes) << 16 | u64::from(no) << 24 | u64::from(k) << 32
    }

    fn refuse(errno: i32) -> u64 {
        op(RETURN, 0, 0, ERRNO | errno.cast_unsigned())
    }

    /// If the call is `number`: the block decides, and what it leaves undecided is allowed.
    fn when(program: &mut Vec<u64>, number: i64, block: &[u64]) {
        let skip = u8::try_from(block.len() + 1).unwrap_or(u8::MAX);
        program.push(op(EQUAL, 0, skip, u32::try_from(number).unwrap_or(u32::MAX)));
        program.extend(block);
        program.push(op(RETURN, 0, 0, ALLOW));
    }

    /// The whole program, one instruction a number. `signals_kept`: something else keeps signals inside.
    pub fn program(strict: bool, signals_kept: bool) -> Vec<u64> {
        let mut p = vec![
            op(LOAD, 0, 0, ARCHITECTURE),
            op(EQUAL, 1, 0, ARCH),
            refuse(libc::ENOSYS),
            op(LOAD, 0, 0, NUMBER),
            // The x32 numbers of x86-64.
            op(AT_LEAST, 0, 1, 0x4000_0000),
            refuse(libc::ENOSYS),
        ];
        // clone3 hides its flags in memory: it is not there, and the C library falls back to clone.
        when(&mut p, libc::SYS_clone3, &[refuse(libc::ENOSYS)]);
        let thread = u32::try_from(libc::CLONE_THREAD).unwrap_or(0);
        let mut clone = vec![op(LOAD, 0, 0, argument(0)), op(ANY_BIT, 0, 1, NAMESPACES), refuse(libc::EPERM)];
        if strict {
            clone.extend([op(ANY_BIT, 1, 0, thread), refuse(libc::EPERM)]);
        }
        when(&mut p, libc::SYS_clone, &clone);
        // Signals to itself only; the helper writes the number of the process in.
        for number in [libc::SYS_kill, libc::SYS_tgkill].into_iter().filter(|_| !signals_kept) {
            when(
                &mut p,
                number,
                &[op(LOAD, 0, 0, argument(0)), op(EQUAL, 1, 0, OWN_PID), refuse(libc::EPERM)],
            );
        }
        // Limits of itself only, as 0 or by number.
        let own =
            [op(LOAD, 0, 0, argument(0)), op(EQUAL, 2, 0, 0), op(EQUAL, 1, 0, OWN_PID), refuse(libc::EPERM)];
        when(&mut p, libc::SYS_prlimit64, &own);
        // Local sockets, and the one that asks the kernel for interfaces; nothing that leaves the machine.
        let local = [
            op(LOAD, 0, 0, argument(0)),
            op(EQUAL, 2, 0, libc::AF_UNIX.cast_unsigned()),
            op(EQUAL, 1, 0, libc::AF_NETLINK.cast_unsigned()),
            refuse(libc::EACCES),
        ];
        let none = [refuse(libc::EACCES)];
        when(&mut p, libc::SYS_socket, if strict { &none } else { &local });
        let strictly = REFUSED_STRICTLY.iter().filter(|_| strict);
        let signals = SIGNALS.iter().filter(|_| !signals_kept);
        for number in REFUSED.iter().chain(strictly).chain(signals) {
            p.push(op(EQUAL, 0, 1, u32::try_from(*number).unwrap_or(u32::MAX)));
            p.push(refuse(libc::EPERM));
        }
        p.push(op(RETURN, 0, 0, ALLOW));
        p
    }
}
