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

/// If the call is `of`: the block decides, and what it leaves undecided is allowed.
fn when(program: &mut Vec<u64>, of: i64, block: &[u64]) {
    let skip = u8::try_from(block.len() + 1).unwrap_or(u8::MAX);
    program.push(op(EQUAL, 0, skip, number(of)));
    program.extend(block);
    program.push(op(RETURN, 0, 0, ALLOW));
}

/// The calls of a list are refused. At most 255 of them, for that is how far a jump reaches.
fn never(program: &mut Vec<u64>, calls: &[i64], errno: i32) {
    for (index, of) in calls.iter().enumerate() {
        let refusal = u8::try_from(calls.len() - index).unwrap_or(u8::MAX);
        program.push(op(EQUAL, refusal, 0, number(*of)));
    }
    program.extend([op(JUMP, 0, 0, 1), refuse(errno)]);
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use super::*;

    /// Refused where all is: other programs, and processes that are no threads.
    const STRICTLY: &[i64] = &[
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
    const EPERM: &[i64] = &[
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
    const ENOSYS: &[i64] = &[
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
            // The x32 numbers of x86-64.
            op(AT_LEAST, 0, 1, 0x4000_0000),
            refuse(libc::ENOSYS),
        ];
        let thread = u32::try_from(libc::CLONE_THREAD).unwrap_or(0);
        let mut clone = vec![op(LOAD, 0, 0, argument(0)), op(ANY_BIT, 0, 1, NAMESPACES), refuse(libc::EPERM)];
        if strict {
            clone.extend([op(ANY_BIT, 1, 0, thread), refuse(libc::EPERM)]);
        }
        when(&mut p, libc::SYS_clone, &clone);
        let signals = p.len();
        // Signals to itself only; the helper writes the number of the process in.
        for call in [libc::SYS_kill, libc::SYS_tgkill] {
            let own = [op(LOAD, 0, 0, argument(0)), op(EQUAL, 1, 0, OWN_PID), refuse(libc::EPERM)];
            when(&mut p, call, &own);
        }
        never(&mut p, SIGNALS, libc::EPERM);
        let signals = signals..p.len();
        // Limits and processors of itself only, as 0 or by number.
        for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
            let own = [
                op(LOAD, 0, 0, argument(0)),
                op(EQUAL, 2, 0, 0),
                op(EQUAL, 1, 0, OWN_PID),
                refuse(libc::EPERM),
            ];
            when(&mut p, call, &own);
        }
        let mut ioctl = vec![op(LOAD, 0, 0, argument(1))];
        never(&mut ioctl, &IOCTLS.map(i64::from), libc::EPERM);
        when(&mut p, libc::SYS_ioctl, &ioctl);
        // Local sockets, and the one that asks the kernel for interfaces; nothing that leaves the machine.
        let local = [
            op(LOAD, 0, 0, argument(0)),
            op(EQUAL, 2, 0, libc::AF_UNIX.cast_unsigned()),
            op(EQUAL, 1, 0, libc::AF_NETLINK.cast_unsigned()),
            refuse(libc::EACCES),
        ];
        let none = [refuse(libc::EACCES)];
        when(&mut p, libc::SYS_socket, if strict { &none } else { &local });
        if strict {
            never(&mut p, STRICTLY, libc::EPERM);
        }
        never(&mut p, ENOSYS, libc::ENOSYS);
        never(&mut p, EPERM, libc::EPERM);
        p.push(op(RETURN, 0, 0, ALLOW));
        (p, signals)
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    const ME: u32 = 4711;

    /// What the kernel would do with a call: its machine for these instructions, and nothing else of it.
    fn run(program: &[u64], call: i64, arguments: [u32; 2]) -> u32 {
        let (mut at, mut word) = (0_usize, 0_u32);
        loop {
            let instruction = program[at];
            let (code, yes, no) = (instruction as u16, (instruction >> 16) as u8, (instruction >> 24) as u8);
            let k = match (instruction >> 32) as u32 {
                OWN_PID => ME,
                k => k,
            };
            at += 1;
            let holds = match code {
                LOAD => {
                    word = match k {
                        NUMBER => number(call),
                        ARCHITECTURE => ARCH,
                        _ if k == argument(0) => arguments[0],
                        _ if k == argument(1) => arguments[1],
                        _ => panic!("no such word: {k}"),
                    };
                    continue;
                }
                JUMP => {
                    at += k as usize;
                    continue;
                }
                RETURN => return k,
                EQUAL => word == k,
                AT_LEAST => word >= k,
                ANY_BIT => word & k != 0,
                _ => panic!("no such instruction: {code:#x}"),
            };
            at += usize::from(if holds { yes } else { no });
        }
    }

    const SIGNALS: [i64; 6] = [
        libc::SYS_kill,
        libc::SYS_tgkill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_pidfd_send_signal,
    ];

    #[test]
    fn what_landlock_makes_needless_is_the_signals_and_nothing_else() {
        let (whole, signals) = program(false);
        assert!(whole.len() <= crate::loader::protocol::wire::FILTER_CAP);
        let mut without = whole.clone();
        without.drain(signals);
        let eperm = ERRNO | libc::EPERM as u32;
        for call in 0..600 {
            for arguments in [[0, 0], [ME, 0], [1, 0x5412], [u32::MAX, u32::MAX]] {
                let (full, less) = (run(&whole, call, arguments), run(&without, call, arguments));
                if SIGNALS.contains(&call) {
                    assert_eq!(less, ALLOW, "{call}");
                    let own = matches!(call, libc::SYS_kill | libc::SYS_tgkill) && arguments[0] == ME;
                    assert_eq!(full, if own { ALLOW } else { eperm }, "{call} {arguments:?}");
                } else {
                    assert_eq!(full, less, "{call} {arguments:?}");
                }
            }
        }
    }

    #[test]
    fn each_call_has_its_own_answer() {
        let (auto, strict) = (program(false).0, program(true).0);
        let errno = |number: i32| ERRNO | number as u32;
        // Threads, pipes and files are everybody's.
        for call in [libc::SYS_read, libc::SYS_openat, libc::SYS_mmap, libc::SYS_futex, libc::SYS_execve] {
            assert_eq!(run(&auto, call, [1, 1]), ALLOW, "{call}");
        }
        assert_eq!(run(&strict, libc::SYS_execve, [0, 0]), errno(libc::EPERM));
        assert_eq!(run(&auto, 452, [0, 0]), errno(libc::EPERM));
        assert_eq!(run(&auto, libc::SYS_shmget, [0, 0]), errno(libc::ENOSYS));
        assert_eq!(run(&auto, libc::SYS_sched_setaffinity, [0, 0]), ALLOW);
        assert_eq!(run(&auto, libc::SYS_sched_setaffinity, [ME, 0]), ALLOW);
        assert_eq!(run(&auto, libc::SYS_sched_setaffinity, [1, 0]), errno(libc::EPERM));
        assert_eq!(run(&auto, libc::SYS_ioctl, [0, 0x5401]), ALLOW);
        assert_eq!(run(&auto, libc::SYS_ioctl, [0, 0x5412]), errno(libc::EPERM));
        let thread = libc::CLONE_THREAD as u32;
        assert_eq!(run(&strict, libc::SYS_clone, [thread, 0]), ALLOW);
        assert_eq!(run(&strict, libc::SYS_clone, [0, 0]), errno(libc::EPERM));
        assert_eq!(run(&auto, libc::SYS_clone, [0, 0]), ALLOW);
        assert_eq!(run(&auto, libc::SYS_clone, [libc::CLONE_NEWUSER as u32, 0]), errno(libc::EPERM));
        assert_eq!(run(&auto, libc::SYS_socket, [libc::AF_UNIX as u32, 0]), ALLOW);
        assert_eq!(run(&auto, libc::SYS_socket, [libc::AF_INET as u32, 0]), errno(libc::EACCES));
        assert_eq!(run(&strict, libc::SYS_socket, [libc::AF_UNIX as u32, 0]), errno(libc::EACCES));
    }
}
