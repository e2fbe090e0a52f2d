//! The names of libc that the helper calls, without versions: linked against, never run and never shipped.
//! It must never hold a name whose oldest version behaves differently from the newest.
//! The helper is bound to the real libc by the loader (glibc elf/dl-lookup.c: an unversioned reference takes the oldest).
#![no_std]
#![allow(missing_docs)]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

macro_rules! names {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() {}
    )* };
}

names! {
    __libc_start_main _exit fork waitpid kill signal setpgid setsid getpid getppid setgroups setgid setuid poll
    pipe dup2 close open fcntl read write mmap munmap getrlimit setrlimit setpriority clock_gettime strlen
    prctl syscall memcpy memmove memset memcmp bcmp
}
