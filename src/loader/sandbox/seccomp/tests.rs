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
fn the_search_finds_what_a_list_would() {
    for strict in [false, true] {
        let program = program(strict).0;
        let lists =
            [(linux::EPERM, libc::EPERM), (linux::ENOSYS, libc::ENOSYS), (linux::STRICTLY, libc::EPERM)];
        let depends = [
            libc::SYS_clone,
            libc::SYS_prlimit64,
            libc::SYS_sched_setaffinity,
            libc::SYS_ioctl,
            libc::SYS_socket,
        ];
        for call in (0..1000).filter(|call| !depends.contains(call) && !SIGNALS.contains(call)) {
            let list = lists.iter().take(if strict { 3 } else { 2 }).find(|(calls, _)| calls.contains(&call));
            let wanted = list.map_or(ALLOW, |(_, errno)| ERRNO | *errno as u32);
            assert_eq!(run(&program, call, [0, 0]), wanted, "{call}");
        }
        for x32 in [0x4000_0000, 0x4000_0003, i64::from(u32::MAX)] {
            assert_eq!(run(&program, x32, [0, 0]), ERRNO | libc::ENOSYS as u32);
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
