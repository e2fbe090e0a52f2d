//! The seccomp program: which system calls a loaded library is refused, and with which error.
//! It must never refuse what an ordinary library does while it is loaded; a refusal is one that a call has on ordinary machines:
//! without the right (EPERM), or without the feature (ENOSYS).
//! Follows seccomp(2) and the call tables of Linux 6.17 (arch/x86/entry/syscalls, include/uapi/asm-generic/unistd.h).
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_imports, reason = "there is no seccomp elsewhere")
)]

use std::ops::Range;

use crate::loader::protocol::wire::OWN_PID;

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;
#[cfg(not(target_arch = "aarch64"))]
const ARCH: u32 = 0xc000_003e;
/// Offsets in the record the kernel shows: number, architecture, lower half of an argument.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}
/// The bits of `clone` that ask for new namespaces.
const NAMESPACES: u32 = 0x7e02_0000;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::program;

/// No program: the tables are those of two machines of Linux.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub fn program(_strict: bool) -> (Vec<u64>, Range<usize>) {
    (Vec::new(), 0..0)
}

fn op(code: u16, yes: u8, no: u8, k: u32) -> u64 {
    u64::from(code) | u64::from(yes) << 16 | u64::from(no) << 24 | u64::from(k) << 32
}

fn refuse(errno: i32) -> u64 {
    op(RETURN, 0, 0, ERRNO | errno.cast_unsigned())
}

fn number(of: i64) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn allow() -> u64 {
    op(RETURN, 0, 0, ALLOW)
}

/// The words of a list are refused. At most 255 of them, for that is how far a jump reaches.
fn never(program: &mut Vec<u64>, calls: &[i64], errno: i32) {
    for (index, of) in calls.iter().enumerate() {
        let refusal = u8::try_from(calls.len() - index).unwrap_or(u8::MAX);
        program.push(op(EQUAL, refusal, 0, number(*of)));
    }
    program.extend([op(JUMP, 0, 0, 1), refuse(errno)]);
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::collections::BTreeMap;

    use super::*;

    /// Refused where all is: other programs, and processes that are no threads.
    pub(super) const STRICTLY: &[i64] = &[
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

    /// Without the right. Numbers are given where the C library has no name for a newer call.
    pub(super) const EPERM: &[i64] = &[
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_process_mrelease,
        libc::SYS_pidfd_getfd,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_mount_setattr,
        OPEN_TREE_ATTR,
        libc::SYS_open_by_handle_at,
        libc::SYS_bpf,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        KEXEC_FILE_LOAD,
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
        libc::SYS_vhangup,
        libc::SYS_syslog,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        FCHMODAT2,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
        SETXATTRAT,
        REMOVEXATTRAT,
        FILE_SETATTR,
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
        libc::SYS_quotactl_fd,
        libc::SYS_fanotify_init,
        libc::SYS_setpriority,
        libc::SYS_ioprio_set,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_migrate_pages,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_iopl,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_ioperm,
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
    /// Without the feature: memory and queues that outlive the process, and those of other processes of the same user.
    pub(super) const ENOSYS: &[i64] = &[
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_shmctl,
        libc::SYS_semget,
        libc::SYS_semop,
        libc::SYS_semtimedop,
        libc::SYS_semctl,
        libc::SYS_msgget,
        libc::SYS_msgsnd,
        libc::SYS_msgrcv,
        libc::SYS_msgctl,
        libc::SYS_mq_open,
        libc::SYS_mq_unlink,
        // clone3 hides its flags in memory; the C library falls back to clone.
        libc::SYS_clone3,
    ];
    const FCHMODAT2: i64 = 452;
    const SETXATTRAT: i64 = 463;
    const REMOVEXATTRAT: i64 = 466;
    const OPEN_TREE_ATTR: i64 = 467;
    const FILE_SETATTR: i64 = 469;
    const KEXEC_FILE_LOAD: i64 = if cfg!(target_arch = "aarch64") { 294 } else { 320 };
    /// What `ioctl` may not do, whatever descriptor it has: type into a terminal (TIOCSTI, TIOCLINUX), and change attributes of a
    /// file that is open for reading (FS_IOC_SETFLAGS, FS_IOC_SETVERSION, FS_IOC_FSSETXATTR).
    const IOCTLS: [u32; 5] = [0x5412, 0x541c, 0x4008_6602, 0x4008_7602, 0x401c_5820];

    /// The whole program, one instruction a number, and the part of it that keeps signals inside.
    pub fn program(strict: bool) -> (Vec<u64>, Range<usize>) {
        let mut p = vec![
            op(LOAD, 0, 0, ARCHITECTURE),
            op(EQUAL, 1, 0, ARCH),
            refuse(libc::ENOSYS),
            op(LOAD, 0, 0, NUMBER),
        ];
        let signals = p.len();
        // Signals to itself only; the helper writes the number of the process in.
        for call in [libc::SYS_kill, libc::SYS_tgkill] {
            let own = [op(LOAD, 0, 0, argument(0)), op(EQUAL, 1, 0, OWN_PID), refuse(libc::EPERM), allow()];
            p.push(op(EQUAL, 0, 4, number(call)));
            p.extend(own);
        }
        never(&mut p, SIGNALS, libc::EPERM);
        let signals = signals..p.len();
        p.extend(search(&ranges(rules(strict))));
        (p, signals)
    }

    /// What is to be done about each call that is not simply allowed.
    fn rules(strict: bool) -> BTreeMap<u32, Vec<u64>> {
        let mut rules = BTreeMap::new();
        let mut refused = |calls: &[i64], errno| {
            rules.extend(calls.iter().map(|call| (number(*call), vec![refuse(errno)])));
        };
        refused(EPERM, libc::EPERM);
        refused(ENOSYS, libc::ENOSYS);
        if strict {
            refused(STRICTLY, libc::EPERM);
            refused(&[libc::SYS_socket], libc::EACCES);
        }
        let thread = u32::try_from(libc::CLONE_THREAD).unwrap_or(0);
        let mut clone = vec![op(LOAD, 0, 0, argument(0)), op(ANY_BIT, 0, 1, NAMESPACES), refuse(libc::EPERM)];
        if strict {
            clone.extend([op(ANY_BIT, 1, 0, thread), refuse(libc::EPERM)]);
        } else {
            // Local sockets, and the one that asks the kernel for interfaces; nothing that leaves the machine.
            let local = [
                op(LOAD, 0, 0, argument(0)),
                op(EQUAL, 2, 0, libc::AF_UNIX.cast_unsigned()),
                op(EQUAL, 1, 0, libc::AF_NETLINK.cast_unsigned()),
                refuse(libc::EACCES),
                allow(),
            ];
            rules.insert(number(libc::SYS_socket), local.to_vec());
        }
        clone.push(allow());
        rules.insert(number(libc::SYS_clone), clone);
        // Limits and processors of itself only, as 0 or by number.
        for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
            let own = [
                op(LOAD, 0, 0, argument(0)),
                op(EQUAL, 2, 0, 0),
                op(EQUAL, 1, 0, OWN_PID),
                refuse(libc::EPERM),
                allow(),
            ];
            rules.insert(number(call), own.to_vec());
        }
        let mut ioctl = vec![op(LOAD, 0, 0, argument(1))];
        never(&mut ioctl, &IOCTLS.map(i64::from), libc::EPERM);
        ioctl.push(allow());
        rules.insert(number(libc::SYS_ioctl), ioctl);
        rules
    }

    /// All numbers as ranges, each with its first and what is to be done.
    fn ranges(rules: BTreeMap<u32, Vec<u64>>) -> Vec<(u32, Vec<u64>)> {
        let mut ranges: Vec<(u32, Vec<u64>)> = vec![(0, vec![allow()])];
        // The x32 numbers of x86-64 are not there.
        let x32 = (0x4000_0000, vec![refuse(libc::ENOSYS)]);
        for (of, block) in rules.into_iter().chain([x32]) {
            if ranges.last().is_some_and(|(start, _)| *start == of) {
                ranges.pop();
            }
            if ranges.last().is_none_or(|(_, last)| *last != block) {
                ranges.push((of, block));
            }
            if of < 0x4000_0000 {
                ranges.push((of + 1, vec![allow()]));
            }
        }
        ranges
    }

    /// Halves until one range is left: the kernel runs the program once for every call there is when it is put in force, so
    /// that a list costs more than all else of a probe of a small library.
    fn search(ranges: &[(u32, Vec<u64>)]) -> Vec<u64> {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let Some((first, block)) = high.first() else { return Vec::new() };
        if low.is_empty() {
            return block.clone();
        }
        let low = search(low);
        let mut program = match u8::try_from(low.len()) {
            Ok(skip) => vec![op(AT_LEAST, skip, 0, *first)],
            Err(_) => {
                vec![op(AT_LEAST, 0, 1, *first), op(JUMP, 0, 0, u32::try_from(low.len()).unwrap_or(u32::MAX))]
            }
        };
        program.extend(low);
        program.extend(search(high));
        program
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests;
